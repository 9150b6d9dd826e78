"""What the rest of the operator asks the session service about the pods that are connected to it."""

from collections.abc import Callable
from typing import Protocol

from pipes_api.resources import BoundPod

Heard = Callable[[str, str, BoundPod], None]
"""Called with namespace, ServiceAccount name and pod, as TokenReview told them; the image is not known there."""


class Connections(Protocol):
    """Pods with an open stream."""

    def longest(self, namespace: str, service_account: str) -> BoundPod | None:
        """The longest-connected pod of that ServiceAccount."""

    def connected(self, pod_uid: str) -> bool:
        """Whether that pod's stream is open."""

    def when_connected(self, callback: Heard) -> None:
        """Call `callback` when the stream of a pod opens."""

    def when_closed(self, callback: Heard) -> None:
        """Call `callback` once a pod's stream has been closed for 15 s."""


class NoConnections:
    """Nobody is connected: an operator without a session service."""

    def longest(self, namespace: str, service_account: str) -> BoundPod | None:
        return None

    def connected(self, pod_uid: str) -> bool:
        return False

    def when_connected(self, callback: Heard) -> None:
        pass

    def when_closed(self, callback: Heard) -> None:
        pass
