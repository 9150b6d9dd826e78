"""What hosted MCP servers list, as the broker has read it: kept for the operator that comes after this one."""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from .kube.client import KubeClient
from .kube.errors import Conflict, KubeError, NotFound
from .kube.resource import CONFIG_MAPS
from .sources import Listing

logger = logging.getLogger(__name__)

PREFIX = "pipes-hosted-"
_FIELD = "tools.json"
_UNKNOWN = Listing()


class Discovered:
    """Listings by the UID of their binding, each in a ConfigMap of its own. `load` fills it once."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._listings: dict[str, Listing] = {}

    def of(self, uid: str) -> Listing:
        """What is known of that binding's server."""
        return self._listings.get(uid, _UNKNOWN)

    def read(self, item: Mapping[str, Any]) -> None:
        """Take in a ConfigMap of an operator before this one."""
        name = str(item["metadata"]["name"])
        try:
            tools = json.loads((item.get("data") or {})[_FIELD])
        except (KeyError, ValueError):
            tools = None
        if not isinstance(tools, list) or not all(isinstance(each, dict) for each in tools):
            logger.warning("the ConfigMap %s holds no tools this version can read", name)
            tools = None
        self._listings[name.removeprefix(PREFIX)] = Listing(None if tools is None else tuple(tools))

    async def take(self, uid: str, tools: tuple[Mapping[str, Any], ...], problem: str) -> bool:
        """Note what the broker has read, or why it could not; answers whether that is something new.

        Raises:
            KubeError: it could not be kept, so it is not used either.
        """
        known = self.of(uid)
        if problem:
            self._listings[uid] = Listing(known.tools, problem)
            return known.problem != problem
        if known.tools is not None and _text(known.tools) == _text(tools):
            self._listings[uid] = Listing(known.tools)
            return bool(known.problem)
        await self._keep(uid, tools)
        self._listings[uid] = Listing(tools)
        return True

    async def collect(self, uids: Iterable[str]) -> None:
        """Forget what belongs to none of those bindings."""
        for uid in self._listings.keys() - set(uids):
            try:
                await self._kube.delete(CONFIG_MAPS, self._namespace, PREFIX + uid)
            except NotFound:
                pass
            except KubeError as error:
                logger.warning("%s was not deleted: %s", PREFIX + uid, error)
                continue
            del self._listings[uid]

    async def _keep(self, uid: str, tools: tuple[Mapping[str, Any], ...]) -> None:
        name = PREFIX + uid
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": self._namespace},
            "data": {_FIELD: _text(tools)},
        }
        try:
            await self._kube.create(CONFIG_MAPS, self._namespace, body)
        except Conflict:
            await self._kube.replace(CONFIG_MAPS, self._namespace, name, body)


def _text(tools: tuple[Mapping[str, Any], ...]) -> str:
    # Not by comparing values: to Python 1, 1.0 and true are the same.
    return json.dumps([dict(each) for each in tools], ensure_ascii=False, sort_keys=True)
