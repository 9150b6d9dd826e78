"""Where the tools of a binding come from: a catalog, its own custom tools, or the provider's hosted MCP server."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipes_api.resources import CredentialMode, ProviderBinding
from pipes_catalog import CatalogError, Catalogs, ToolDefinition, custom, hosted, http
from pipes_catalog.remote import Address, AddressInvalid, address

from .decisions import offers
from .decisions.facts import Offer
from .decisions.offers import Unusable

_NOTES_NAMED = 5


@dataclass(frozen=True, slots=True)
class Listing:
    """What a hosted server is known to list: its tools (None: nobody has read them yet), or why they are not known."""

    tools: tuple[Mapping[str, Any], ...] | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """The catalogs, and what the operator was set to allow: hosts by provider, and Pipes' relay."""

    catalogs: Catalogs
    allowed_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    relay: bool = False

    def offer(self, binding: ProviderBinding, listing: Listing) -> Offer:
        """The binding with its tools; `listing` is what its hosted server is known to list, if it has one."""
        spec = binding.spec
        name = spec.tools.catalog or spec.provider
        try:
            if spec.credential is CredentialMode.RELAY and not self.relay:
                raise Unusable(
                    "spec.credential: Relay is early access, and this installation does not use it (setting relay); "
                    "make a binding with Token"
                )
            if spec.tools.mcp is not None:
                return self._hosted(binding, listing)
            return self._catalog(binding, name)
        except Unusable as unusable:
            return Offer(binding, name, problem=str(unusable))

    def hosts(self, binding: ProviderBinding) -> tuple[str, ...]:
        """Every host pattern that a credential of the binding's provider may be sent to."""
        catalog = binding.spec.tools.catalog or binding.spec.provider
        return (*self.catalogs.hosts(catalog), *self.allowed_hosts.get(binding.spec.provider, ()))

    def title(self, binding: ProviderBinding) -> str:
        """The provider's name, for sentences."""
        catalog = self.catalogs.get(binding.spec.provider)
        return catalog.title if catalog is not None else binding.spec.provider

    def _catalog(self, binding: ProviderBinding, name: str) -> Offer:
        catalog = self.catalogs.get(name)
        if catalog is None:
            raise Unusable(f"there is no catalog {name}: name one in spec.tools.catalog")
        spec = binding.spec
        try:
            own = custom.read(spec.tools.custom or (), catalog)
            prefixes = spec.tools.http.read_prefixes if spec.tools.http is not None else ()
            tools = [http.with_prefixes(each, prefixes) for each in catalog.tools.values()]
        except CatalogError as error:
            raise Unusable(str(error)) from None
        hosts = self.hosts(binding)
        if any(each.exchange is not None and each.exchange.open is not None for each in tools):
            hosts = (self._named_host(binding),)
        return offers.offer(binding, name, _chosen([*tools, *own], binding), hosts, ())

    def _named_host(self, binding: ProviderBinding) -> str:
        """The one host of a binding whose tool sends what the caller writes: no catalog vouches for any."""
        host = (binding.spec.endpoint or {}).get("host", "").lower()
        provider = binding.spec.provider
        if not host:
            raise Unusable("spec.endpoint.host: name the provider's host, like api.example.com (in a new binding)")
        if not Address(host, "/").is_among(self.allowed_hosts.get(provider, ())):
            raise Unusable(
                f"spec.endpoint.host: {host} is not allowed; whoever runs the operator must list it in allowedHosts "
                f"of {provider}"
            )
        return host

    def _hosted(self, binding: ProviderBinding, listing: Listing) -> Offer:
        server = binding.spec.tools.mcp
        assert server is not None
        try:
            at = address(server.url)
        except AddressInvalid as error:
            raise Unusable(f"spec.tools.mcp.url: {error}") from None
        if not at.is_among(self.hosts(binding)):
            raise Unusable(
                f"spec.tools.mcp.url: {at.authority} is no host of {binding.spec.provider}'s catalog; whoever runs the "
                f"operator must list it in allowedHosts of {binding.spec.provider}"
            )
        if server.discover and binding.spec.connection.from_session:
            raise Unusable(
                "spec.tools.mcp.discover: needs a connection of the binding's own to read the tools with; "
                "write them in spec.tools.mcp.tools"
            )
        listed = server.tools if server.tools is not None else listing.tools
        catalog = binding.spec.provider
        # The one host that the binding names, not all that its provider has.
        hosts = (at.authority,)
        if listed is None:
            why = listing.problem or "the broker has not read them yet"
            return Offer(binding, catalog, hosts=hosts, problem=f"spec.tools.mcp: its tools are not known: {why}")
        found = hosted.definitions(listed, server, self.title(binding), binding=binding.metadata.name)
        notes = [f"spec.tools.mcp: {each}." for each in found.problems[:_NOTES_NAMED]]
        if len(found.problems) > _NOTES_NAMED:
            notes.append(f"And {len(found.problems) - _NOTES_NAMED} more.")
        if listing.problem:
            notes.append(f"spec.tools.mcp: its tools could not be read again: {listing.problem}")
        return offers.offer(binding, catalog, _chosen(found.definitions, binding), hosts, notes)


def _chosen(tools: Sequence[ToolDefinition], binding: ProviderBinding) -> list[ToolDefinition]:
    """Those that include and exclude leave, in their own order."""
    include, exclude = binding.spec.tools.include, binding.spec.tools.exclude
    wanted = None if include is None else _names(tools, include, "spec.tools.include", binding)
    unwanted = _names(tools, exclude or (), "spec.tools.exclude", binding)
    return [each for each in tools if (wanted is None or each.name in wanted) and each.name not in unwanted]


def _names(
    tools: Sequence[ToolDefinition], names: Iterable[str], field_name: str, binding: ProviderBinding
) -> set[str]:
    """The tools' own names of those that are named so, or by the advertised name."""
    known = {each.name for each in tools}
    prefix = binding.metadata.name.replace("-", "_") + "_"
    found = set()
    for name in names:
        own = name if name in known else name.removeprefix(prefix)
        if own not in known:
            raise Unusable(f"{field_name}: there is no tool {name}; there is {', '.join(sorted(known)[:40])}")
        found.add(own)
    return found
