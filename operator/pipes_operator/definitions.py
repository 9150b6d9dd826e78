"""Tool definitions by content: those of the catalogs of now, and those that older grants still use.

Each catalog's definitions are kept in a ConfigMap named after their hash, so
that an operator of another version can still tell a gateway what a live grant's
tools are.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from pipes_api import canonical, grant
from pipes_api.resources import ProviderBinding
from pipes_catalog import (
    Catalogs,
    DefinitionInvalid,
    NameTooLong,
    ToolDefinition,
    UnknownTool,
    advertised,
    from_wire,
    to_wire,
)

from .decisions.facts import Offer
from .kube.client import KubeClient
from .kube.errors import Conflict, KubeError, NotFound
from .kube.resource import CONFIG_MAPS

logger = logging.getLogger(__name__)

_PREFIX = "pipes-catalog-"
_FIELD = "definitions.json"


class Definitions:
    """Answers from memory. `load` fills it once, `collect` forgets what nobody uses."""

    def __init__(
        self, catalogs: Catalogs, allowed_hosts: Mapping[str, tuple[str, ...]], kube: KubeClient, namespace: str
    ) -> None:
        self._catalogs = catalogs
        self._allowed_hosts = allowed_hosts
        self._kube = kube
        self._namespace = namespace
        self._plain: dict[str, dict[str, Any]] = {}
        self._maps: dict[str, frozenset[str]] = {}
        self._offers: dict[tuple[str, int], Offer] = {}
        self._current = {_catalog_name(each.tools.values()): each for each in catalogs.by_provider.values()}
        for catalog in self._current.values():
            self._remember(catalog.tools.values())

    def offer(self, binding: ProviderBinding) -> Offer:
        """The binding with the tools and hosts that its catalog of now gives it."""
        key = (binding.metadata.uid, binding.metadata.generation)
        known = self._offers.get(key)
        if known is None:
            known = self._resolve(binding)
            if len(self._offers) > 10_000:
                self._offers.clear()
            self._offers[key] = known
        return Offer(binding, known.catalog, known.tools, known.hosts, known.problem)

    def offered(self, binding: ProviderBinding) -> dict[str, str]:
        """Advertised tool name → hash of its definition."""
        return {name: tool.hash for name, tool in self.offer(binding).tools.items()}

    def find(self, digest: str) -> dict[str, Any] | None:
        """The definition with that hash as plain data."""
        return self._plain.get(digest)

    async def load(self) -> None:
        """Read what earlier versions kept, and keep what this one has.

        Raises:
            KubeError: the API server refuses.
        """
        items, _ = await self._kube.list(CONFIG_MAPS, self._namespace)
        for item in items:
            if item["metadata"]["name"].startswith(_PREFIX):
                self._read(item)
        for name, catalog in self._current.items():
            if name not in self._maps:
                await self._keep(name, catalog.tools.values())

    async def collect(self, grants: Iterable[Mapping[str, Any] | None]) -> None:
        """Delete the definitions of older catalogs that none of those grants (plain data) uses."""
        used: set[str] = set()
        for each in grants:
            if each is not None:
                used |= _hashes(each)
        for name, hashes in list(self._maps.items()):
            if name in self._current or hashes & used:
                continue
            try:
                await self._kube.delete(CONFIG_MAPS, self._namespace, name)
            except NotFound:
                pass
            except KubeError as error:
                logger.warning("%s was not deleted: %s", name, error)
                continue
            del self._maps[name]
            kept = frozenset().union(*self._maps.values())
            for digest in hashes - kept:
                self._plain.pop(digest, None)

    def _resolve(self, binding: ProviderBinding) -> Offer:
        spec = binding.spec
        catalog = spec.tools.catalog or spec.provider
        if self._catalogs.get(catalog) is None:
            return Offer(binding, catalog, problem=f"there is no catalog {catalog}")
        name = binding.metadata.name
        try:
            chosen = self._catalogs.tools(catalog, spec.tools.include, spec.tools.exclude, binding=name)
            tools = {advertised(name, tool.name): tool for tool in chosen}
        except (UnknownTool, NameTooLong) as error:
            return Offer(binding, catalog, problem=str(error))
        if not tools:
            return Offer(binding, catalog, problem="spec.tools leaves no tool")
        hosts = dict.fromkeys((*self._catalogs.hosts(catalog), *self._allowed_hosts.get(spec.provider, ())))
        return Offer(binding, catalog, tools, tuple(hosts))

    def _remember(self, tools: Iterable[ToolDefinition]) -> frozenset[str]:
        tools = list(tools)
        self._plain.update({tool.hash: to_wire(tool) for tool in tools})
        return frozenset(tool.hash for tool in tools)

    def _read(self, item: Mapping[str, Any]) -> None:
        name = item["metadata"]["name"]
        try:
            stored = json.loads((item.get("data") or {})[_FIELD])
            tools = [from_wire(digest, data) for digest, data in stored.items()]
        except (KeyError, ValueError, AttributeError, DefinitionInvalid) as error:
            # A newer version's, or not ours: leave it, and use nothing of it.
            logger.warning("the ConfigMap %s holds no definitions this version can read: %s", name, error)
            return
        self._maps[name] = self._remember(tools)

    async def _keep(self, name: str, tools: Iterable[ToolDefinition]) -> None:
        tools = list(tools)
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": self._namespace},
            "data": {_FIELD: json.dumps({tool.hash: to_wire(tool) for tool in tools}, ensure_ascii=False)},
        }
        try:
            await self._kube.create(CONFIG_MAPS, self._namespace, body)
        except Conflict:
            logger.info("the ConfigMap %s was there already", name)
        self._maps[name] = frozenset(tool.hash for tool in tools)


def _catalog_name(tools: Iterable[ToolDefinition]) -> str:
    return _PREFIX + canonical.digest(sorted(tool.hash for tool in tools))


def _hashes(granted: Mapping[str, Any]) -> set[str]:
    try:
        return {digest for each in grant.read(granted).bindings for digest in each.tools.values()}
    except ValueError:
        return set()
