"""The full list, at the start and again and again: ends what vanished while a watch was blind.

kopf lists again after a gap, but never tells what is missing from the list.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from pipes_api import names
from pipes_api.resources import AgentSession, ProviderBinding
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import KubeError, NotFound
from pipes_operator.kube.resource import BINDINGS, SESSIONS, Resource
from pipes_operator.world import World, resource_version
from pipes_operator.writer import Writer

logger = logging.getLogger(__name__)

_READS_AT_ONCE = 8


class Relist:
    """Keeps the World true to the API server's lists."""

    def __init__(self, kube: KubeClient, world: World, writer: Writer, namespaces: tuple[str, ...]) -> None:
        self._kube = kube
        self._world = world
        self._writer = writer
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)

    async def load(self) -> None:
        """Everything, before the first decision: what is not loaded yet must not look as if it did not exist.

        Raises:
            KubeError: the API server refuses, or does not serve our kinds.
        """
        for namespace in self._namespaces:
            # Bindings first: sessions are decided by them.
            for body in (await self._kube.list(BINDINGS, namespace))[0]:
                self._world.put_binding(_typed(body, BINDINGS))
            for body in (await self._kube.list(SESSIONS, namespace))[0]:
                self._world.put_session(_typed(body, SESSIONS))

    async def run(self, seconds: float, after: Callable[[], Awaitable[None]]) -> None:
        """List every so many seconds until cancelled; `after` runs after each."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.look()
                await after()
            except KubeError as error:
                logger.warning("re-list: %s", error)

    async def look(self) -> None:
        """One round over both kinds.

        Raises:
            KubeError: the API server refuses; nothing was dropped that may still be there.
        """
        for namespace in self._namespaces:
            await self._compare(
                BINDINGS,
                namespace,
                self._world.bindings(namespace),
                self._world.drop_binding,
                self._writer.refresh_binding,
            )
            await self._compare(
                SESSIONS,
                namespace,
                self._world.sessions(namespace),
                self._world.drop_session,
                self._writer.refresh_session,
            )

    async def _compare(
        self,
        resource: Resource,
        namespace: str | None,
        before: Iterable[AgentSession | ProviderBinding],
        drop: Callable[[str], None],
        refresh: Callable[[str, str], Awaitable[Any]],
    ) -> None:
        known = {each.metadata.uid: int(each.metadata.resource_version) for each in before}
        items, version = await self._kube.list(resource, namespace, metadata_only=True)
        listed = {item["metadata"]["uid"]: item for item in items if item["metadata"]["name"] != names.HEARTBEAT}
        for uid, seen in known.items():
            # What is newer than the list cannot be missing from it.
            if uid not in listed and seen <= version:
                drop(uid)
        limit = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(item: dict[str, Any]) -> None:
            async with limit:
                try:
                    await refresh(item["metadata"]["namespace"], item["metadata"]["name"])
                except NotFound:
                    drop(item["metadata"]["uid"])

        newer = [item for uid, item in listed.items() if resource_version(item) > known.get(uid, 0)]
        await asyncio.gather(*(read(item) for item in newer))


def _typed(body: dict[str, Any], resource: Resource) -> dict[str, Any]:
    return {"apiVersion": resource.api_version, "kind": resource.kind, **body}
