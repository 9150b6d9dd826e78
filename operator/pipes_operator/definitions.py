"""Tool definitions by content: those that bindings offer now, and those that older grants still use.

The definitions of each catalog, and of each binding that has tools of its own,
are kept in a ConfigMap named after their hash, so that an operator of another
version, or one whose binding has changed since, can still tell a gateway what a
live grant's tools are.
"""

import dataclasses
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from pipes_api import canonical, grant
from pipes_api.resources import ProviderBinding
from pipes_catalog import DefinitionInvalid, ToolDefinition, from_wire, to_wire

from . import discovered
from .decisions.facts import Offer
from .discovered import Discovered
from .kube.client import KubeClient
from .kube.errors import Conflict, KubeError, NotFound
from .kube.resource import CONFIG_MAPS
from .sources import Listing, Sources

logger = logging.getLogger(__name__)

_PREFIX = "pipes-catalog-"
_FIELD = "definitions.json"


@dataclasses.dataclass(frozen=True, slots=True)
class _Known:
    """An offer, and what it was made from."""

    generation: int
    listing: Listing
    offer: Offer


class Definitions:
    """Answers from memory. `load` fills it once, `keep` adds, `collect` forgets what nobody uses."""

    def __init__(self, sources: Sources, kube: KubeClient, namespace: str) -> None:
        self.discovered = Discovered(kube, namespace)
        self._sources = sources
        self._kube = kube
        self._namespace = namespace
        self._plain: dict[str, dict[str, Any]] = {}
        self._maps: dict[str, frozenset[str]] = {}
        self._offers: dict[str, _Known] = {}
        catalogs = sources.catalogs.by_provider.values()
        self._current = {_map_name(each.tools.values()): each for each in catalogs}
        self._of_catalogs = frozenset[str]().union(
            *(self._remember(each.tools.values()) for each in self._current.values())
        )

    def offer(self, binding: ProviderBinding) -> Offer:
        """The binding with the tools and hosts that it gives now."""
        uid, generation = binding.metadata.uid, binding.metadata.generation
        listing = self.discovered.of(uid)
        known = self._offers.get(uid)
        if known is None or known.generation != generation or known.listing is not listing:
            known = _Known(generation, listing, self._sources.offer(binding, listing))
            self._offers[uid] = known
            # At once: whoever is told of the offer is told its definitions.
            self._remember(known.offer.tools.values())
        return dataclasses.replace(known.offer, binding=binding)

    def find(self, digest: str) -> dict[str, Any] | None:
        """The definition with that hash as plain data."""
        return self._plain.get(digest)

    def title(self, binding: ProviderBinding) -> str:
        """The provider's name, for sentences."""
        return self._sources.title(binding)

    async def load(self) -> None:
        """Read what earlier versions kept, and keep what this one has.

        Raises:
            KubeError: the API server refuses.
        """
        items, _ = await self._kube.list(CONFIG_MAPS, self._namespace)
        for item in items:
            name = item["metadata"]["name"]
            if name.startswith(_PREFIX):
                self._read(item)
            elif name.startswith(discovered.PREFIX):
                self.discovered.read(item)
        for name, catalog in self._current.items():
            if name not in self._maps:
                await self._keep(name, list(catalog.tools.values()))

    async def keep(self, offer: Offer) -> None:
        """Keep the definitions that are the binding's own, before anything is granted of them.

        Raises:
            KubeError: the API server refuses.
        """
        own = [tool for tool in offer.tools.values() if tool.hash not in self._of_catalogs]
        name = _map_name(own)
        if own and name not in self._maps:
            await self._keep(name, own)

    async def collect(self, grants: Iterable[Mapping[str, Any] | None], bindings: Iterable[ProviderBinding]) -> None:
        """Delete the definitions that none of those grants (plain data) uses and none of those bindings offers."""
        used: set[str] = set()
        for each in grants:
            if each is not None:
                used |= _hashes(each)
        uids = set()
        for binding in bindings:
            uids.add(binding.metadata.uid)
            used |= {tool.hash for tool in self.offer(binding).tools.values()}
        for uid in self._offers.keys() - uids:
            del self._offers[uid]
        await self.discovered.collect(uids)
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
        kept = used.union(self._of_catalogs, *self._maps.values())
        for known in self._offers.values():
            # What was offered while this waited for the API server.
            kept |= {tool.hash for tool in known.offer.tools.values()}
        for digest in self._plain.keys() - kept:
            del self._plain[digest]

    def _remember(self, tools: Iterable[ToolDefinition]) -> frozenset[str]:
        tools = list(tools)
        self._plain.update({tool.hash: to_wire(tool) for tool in tools if tool.hash not in self._plain})
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

    async def _keep(self, name: str, tools: list[ToolDefinition]) -> None:
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


def _map_name(tools: Iterable[ToolDefinition]) -> str:
    return _PREFIX + canonical.digest(sorted(tool.hash for tool in tools))


def _hashes(granted: Mapping[str, Any]) -> set[str]:
    try:
        return {digest for each in grant.read(granted).bindings for digest in each.tools.values()}
    except ValueError:
        return set()
