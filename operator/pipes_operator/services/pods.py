"""Pods without watching them: who is connected, what image it runs, and whether it is still there."""

import logging
from collections.abc import Callable
from typing import Any

from pipes_api.resources import AgentSession, BoundPod
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import NotFound
from pipes_operator.kube.resource import PODS
from pipes_operator.presence import Connections, PodEvent

logger = logging.getLogger(__name__)


class Pods:
    """What is known of pods; `changed` is called with namespace, ServiceAccount and UID when that becomes more."""

    def __init__(self, kube: KubeClient, changed: Callable[[str, str, str], None]) -> None:
        self._kube = kube
        self._changed = changed
        self._connections: Connections | None = None
        self._images: dict[str, str] = {}
        self._gone: set[str] = set()
        self._due: Callable[[PodEvent], None] | None = None

    def follow(self, connections: Connections, due: Callable[[PodEvent], None]) -> None:
        """Learn of pods from the session service; `due` puts an event on the work queue, for `look`."""
        self._connections = connections
        self._due = due
        connections.listen(self._hear)

    def of(self, session: AgentSession, *, claim: bool) -> BoundPod | None:
        """The session's pod, with its image when that is known; with `claim`, one that could become its pod."""
        agent, bound = session.spec.agent, session.status.bound_pod
        if agent.shared:
            return None
        uid = agent.pod_uid or (bound.uid if bound is not None else None)
        namespace, account = session.metadata.namespace, agent.service_account_name
        found: BoundPod | None = None
        if uid is not None:
            if bound is not None and bound.uid == uid:
                found = bound
            elif self._connections is not None:
                found = self._connections.find(namespace, account, uid)
        elif claim and self._connections is not None:
            found = self._connections.longest(namespace, account)
        if found is None:
            return None
        return BoundPod(name=found.name, uid=found.uid, image=self._images.get(found.uid) or found.image)

    def gone(self, session: AgentSession) -> bool:
        """Whether the session's pod is known to be gone."""
        bound = session.status.bound_pod
        uid = session.spec.agent.pod_uid or (bound.uid if bound is not None else None)
        return uid is not None and uid in self._gone

    def absent(self, session: AgentSession) -> PodEvent | None:
        """An event to look at, when the session's pod has no open stream."""
        bound, account = session.status.bound_pod, session.spec.agent.service_account_name
        if bound is None or session.spec.agent.shared:
            return None
        namespace = session.metadata.namespace
        if self._connections is not None and self._connections.find(namespace, account, bound.uid) is not None:
            return None
        return PodEvent("lost", namespace, account, bound)

    async def look(self, event: PodEvent) -> None:
        """Whether the pod is there: absent, another UID, Succeeded and Failed all mean that it is gone.

        Raises:
            KubeError: the API server did not say; try again.
        """
        uid = event.pod.uid
        try:
            body = await self._kube.get(PODS, event.namespace, event.pod.name)
        except NotFound:
            body = {}
        if (body.get("metadata") or {}).get("uid") == uid and not _finished(body):
            self._images[uid] = _image(body)
        else:
            self._gone.add(uid)
            self._images.pop(uid, None)
            logger.info("pod %s/%s (%s) is gone", event.namespace, event.pod.name, uid)
        self._changed(event.namespace, event.service_account, uid)

    def forget(self, used: set[str]) -> None:
        """Keep only what concerns these UIDs, and pods that are connected."""
        self._gone &= used
        for uid in set(self._images) - used:
            del self._images[uid]

    def _hear(self, event: PodEvent) -> None:
        if event.kind == "connected":
            self._changed(event.namespace, event.service_account, event.pod.uid)
            if event.pod.uid in self._images:
                return
        if self._due is not None:
            self._due(event)


def _finished(body: dict[str, Any]) -> bool:
    return (body.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _image(body: dict[str, Any]) -> str:
    """The agent's image: that of the first ordinary container, since a gateway is an init container of its pod."""
    containers = (body.get("spec") or {}).get("containers") or [{}]
    return str(containers[0].get("image") or "")
