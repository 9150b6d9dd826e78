"""The whole product on one machine: control plane, operator, broker, sandbox, and one agent's gateway.

`python -m environment up | down | demo`. Everything is real but the pods: the Pod
objects exist, and `cluster` plays the kubelet that hands their tokens to the processes.
"""

from .environment import Environment

__all__ = ["Environment"]
