"""What the rest of the operator asks the session service about the pods that are connected to it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from pipes_api.resources import BoundPod


@dataclass(frozen=True, slots=True)
class PodEvent:
    """A pod's stream opened, or has been closed for 15 s."""

    kind: Literal["connected", "lost"]
    namespace: str
    service_account: str
    pod: BoundPod


class Connections(Protocol):
    """Pods with an open stream. Names and UIDs are what TokenReview said, never what a caller said."""

    def longest(self, namespace: str, service_account: str) -> BoundPod | None:
        """The longest-connected pod of that ServiceAccount."""

    def find(self, namespace: str, service_account: str, uid: str) -> BoundPod | None:
        """The connected pod of that UID, if it is of that ServiceAccount."""

    def listen(self, callback: Callable[[PodEvent], None]) -> None:
        """Have `callback` called when a pod's stream opens, and when it has been closed for 15 s."""
