"""Proof that the view is current: our own writes, seen back through the same watches."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pipes_api import names
from pipes_api.clock import boottime
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import KubeError, NotFound
from pipes_operator.kube.resource import BINDINGS, SESSIONS, Resource
from pipes_operator.world import Kind, World, resource_version

logger = logging.getLogger(__name__)

_KINDS: dict[str, Kind] = {names.SESSIONS: "session", names.BINDINGS: "binding"}
_UNSEEN = 32


class Heartbeat:
    """Writes the status of one object of each kind, in each namespace that has a watch of its own."""

    def __init__(
        self, kube: KubeClient, world: World, namespaces: Iterable[str], clock: Callable[[], float] = boottime
    ) -> None:
        self._kube = kube
        self._world = world
        self._clock = clock
        self._namespaces = tuple(namespaces)
        self._written: dict[tuple[str, str], list[tuple[int, float]]] = {}
        self._seen: dict[tuple[str, str], int] = {}
        self._proofs: dict[tuple[str, str], float] = {}

    async def run(self, seconds: float) -> None:
        """Beat until cancelled. A beat that fails is no proof, and the next one is tried at its time."""
        while True:
            await asyncio.gather(
                *(self._beat(each, namespace) for each in (SESSIONS, BINDINGS) for namespace in self._namespaces)
            )
            await asyncio.sleep(seconds)

    def seen(self, plural: str, body: Mapping[str, Any]) -> None:
        """A heartbeat object came through the watch."""
        key = (plural, str((body.get("metadata") or {}).get("namespace")))
        self._seen[key] = max(resource_version(body), self._seen.get(key, 0))
        self._match(key)

    async def _beat(self, resource: Resource, namespace: str) -> None:
        clock, now = self._clock(), datetime.now(UTC).isoformat()
        status = {"message": f"seen {now}"} if resource is SESSIONS else {"checkedAt": now}
        try:
            body = await self._kube.patch(
                resource, namespace, names.HEARTBEAT, {"status": status}, "merge", subresource="status", seconds=5.0
            )
        except NotFound:
            logger.error(
                "there is no %s %s in namespace %s, without which no session can be kept alive: apply it again",
                resource.kind,
                names.HEARTBEAT,
                namespace,
            )
            return
        except KubeError as error:
            logger.warning("heartbeat: %s", error)
            return
        key = (resource.plural, namespace)
        written = self._written.setdefault(key, [])
        written.append((resource_version(body), clock))
        del written[:-_UNSEEN]
        self._match(key)

    def _match(self, key: tuple[str, str]) -> None:
        """The watch event may come before the answer to the write, or after it."""
        seen = self._seen.get(key, 0)
        written = self._written.get(key, [])
        proven = [clock for version, clock in written if version <= seen]
        if not proven:
            return
        self._written[key] = [each for each in written if each[0] > seen]
        self._proofs[key] = max(*proven, self._proofs.get(key, float("-inf")))
        of_kind = [self._proofs.get((key[0], namespace)) for namespace in self._namespaces]
        known = [each for each in of_kind if each is not None]
        if len(known) == len(of_kind):
            self._world.seen_heartbeat(_KINDS[key[0]], min(known))
