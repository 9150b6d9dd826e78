"""A real control plane on loopback: etcd, kube-apiserver and kubectl, built once, started in seconds, never as root.

>>> with Cluster.start() as cluster:
...     cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}})
...     cluster.run_kubectl("get", "namespaces", user="alice@example.com", check=False).stderr
"""

from .api import service_account
from .cluster import Cluster
from .errors import ClusterError
from .tokens import Mount, TokenFiles

__all__ = ["Cluster", "ClusterError", "Mount", "TokenFiles", "service_account"]
