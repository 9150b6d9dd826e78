"""Which pods are connected: the longest of a ServiceAccount, and word of those that came and went.

This is the session service's side of `pipes_operator.presence.Connections`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from pipes_api.messages import Identity
from pipes_api.resources import BoundPod
from pipes_operator.presence import PodEvent

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Pod:
    namespace: str
    service_account: str
    pod: BoundPod
    since: float
    streams: int = 1
    closed_at: float | None = None


class OpenConnections:
    """Fed by the streams, read by the operator. Times are CLOCK_BOOTTIME seconds. A pod's image is unknown here."""

    def __init__(self) -> None:
        self._pods: dict[str, _Pod] = {}
        self._by_agent: dict[tuple[str, str], dict[str, _Pod]] = {}
        self._closed: dict[str, _Pod] = {}
        self._listeners: list[Callable[[PodEvent], None]] = []

    def longest(self, namespace: str, service_account: str) -> BoundPod | None:
        theirs = self._by_agent.get((namespace, service_account), {}).values()
        connected = (each for each in theirs if each.streams)
        found = min(connected, key=lambda each: (each.since, each.pod.uid), default=None)
        return None if found is None else found.pod

    def find(self, namespace: str, service_account: str, uid: str) -> BoundPod | None:
        found = self._by_agent.get((namespace, service_account), {}).get(uid)
        return found.pod if found is not None and found.streams else None

    def listen(self, callback: Callable[[PodEvent], None]) -> None:
        self._listeners.append(callback)

    def opened(self, identity: Identity, clock: float) -> None:
        known = self._pods.get(identity.pod_uid)
        if known is not None:
            # A reconnect within the grace keeps its place in the line.
            known.streams += 1
            known.closed_at = None
            self._closed.pop(identity.pod_uid, None)
        else:
            pod = BoundPod(name=identity.pod_name, uid=identity.pod_uid)
            known = _Pod(identity.namespace, identity.service_account, pod, clock)
            self._pods[pod.uid] = known
            self._by_agent.setdefault((known.namespace, known.service_account), {})[pod.uid] = known
        self._tell(PodEvent("connected", known.namespace, known.service_account, known.pod))

    def closed(self, identity: Identity, clock: float) -> None:
        known = self._pods.get(identity.pod_uid)
        if known is None:
            return
        known.streams -= 1
        if known.streams == 0:
            known.closed_at = clock
            self._closed[known.pod.uid] = known

    def sweep(self, clock: float, grace: float) -> None:
        """Forget pods whose stream has been closed for `grace` seconds, and say so."""
        lost = [each for each in self._closed.values() if each.closed_at is not None]
        for pod in lost:
            if pod.closed_at is None or clock - pod.closed_at < grace:
                continue
            del self._closed[pod.pod.uid], self._pods[pod.pod.uid]
            agent = (pod.namespace, pod.service_account)
            del self._by_agent[agent][pod.pod.uid]
            if not self._by_agent[agent]:
                del self._by_agent[agent]
            self._tell(PodEvent("lost", pod.namespace, pod.service_account, pod.pod))

    def _tell(self, event: PodEvent) -> None:
        for callback in self._listeners:
            try:
                callback(event)
            except Exception:
                logger.exception("a listener failed on pod %s/%s", event.namespace, event.pod.name)
