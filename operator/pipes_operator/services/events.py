"""Kubernetes events about sessions (events.k8s.io/v1). Losing one never holds anything up."""

import asyncio
import logging
from datetime import UTC, datetime

from pipes_api import names
from pipes_api.resources import AgentSession
from pipes_operator.decisions.facts import Happening
from pipes_operator.decisions.texts import clean
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import KubeError, NotFound
from pipes_operator.kube.resource import EVENTS, SESSIONS

logger = logging.getLogger(__name__)

_WAITING = 1000


class Events:
    """A short line of events to write; what does not fit is dropped."""

    def __init__(self, kube: KubeClient, instance: str) -> None:
        self._kube = kube
        self._instance = instance
        self._line: asyncio.Queue[tuple[AgentSession, Happening]] = asyncio.Queue(_WAITING)

    def record(self, session: AgentSession, happening: Happening) -> None:
        try:
            self._line.put_nowait((session, happening))
        except asyncio.QueueFull:
            logger.debug("an event was dropped: %s", happening.reason)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            session, happening = await self._line.get()
            try:
                await self._write(session, happening)
            except NotFound:
                continue  # the namespace is going away
            except KubeError as error:
                logger.info("an event was not written: %s", error)

    async def _write(self, session: AgentSession, happening: Happening) -> None:
        metadata = session.metadata
        body = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"generateName": f"{metadata.name[:200]}-", "namespace": metadata.namespace},
            "eventTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "reportingController": f"{names.GROUP}/operator",
            "reportingInstance": self._instance[:128],
            "action": happening.reason,
            "reason": happening.reason,
            "type": "Warning" if happening.warning else "Normal",
            "note": clean(happening.message, 1000),
            "regarding": {
                "apiVersion": names.API_VERSION,
                "kind": SESSIONS.kind,
                "name": metadata.name,
                "namespace": metadata.namespace,
                "uid": metadata.uid,
                "resourceVersion": metadata.resource_version,
            },
        }
        await self._kube.create(EVENTS, metadata.namespace, body)
