"""All hosted servers in use: one upstream for each account and URL, for as long as anybody holds it."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple

import msgspec

from pipes_api.grant import GrantedBinding
from pipes_api.messages import HostedOffer
from pipes_api.resources import CredentialMode
from pipes_catalog.remote import AddressInvalid, Remote, address
from pipes_policy.call import Denial

from ..credentials.cache import CredentialCache, Key
from ..credentials.pipes import unavailable
from ..settings import EgressSettings
from ..transport.client import Transport
from .listing import Listing
from .upstream import Era, Upstream
from .way import Way

REMEMBERED_ERAS = 256
STREAMS = 1_024
STREAM_SILENCE_SECONDS = 300.0

Permission = Callable[[], Denial | None]
"""Why nothing may be sent now, or None; asked before everything that is sent."""

Listed = tuple[dict[str, Any], ...]
"""Tools as `tools/list` gave them."""


ListChanged = Callable[[Key, str], None]
"""Told the account and the URL."""


class Place(NamedTuple):
    """A hosted server, the account it is asked for, and the host patterns that the account's credential may reach."""

    key: Key
    url: str
    title: str
    hosts: tuple[str, ...]

    @staticmethod
    def of(granted: GrantedBinding, remote: Remote) -> "Place":
        """Where a granted tool is.

        Raises:
            Refused: Pipes' relay would have to inject the credential, which it does for plain requests only.
        """
        if granted.credential is not CredentialMode.TOKEN:
            raise unavailable(remote.title, "its MCP server can be reached with a vended credential only")
        return Place(Key.of(granted), remote.url, remote.title, granted.hosts)

    @staticmethod
    def offered(offer: HostedOffer, provider: str) -> "Place":
        return Place(Key(provider, offer.connection, offer.account), offer.url, offer.title, offer.hosts)


@dataclass(slots=True)
class _Held:
    upstream: Upstream
    holders: set[str] = field(default_factory=set)


class HostedServers:
    """Upstreams by account and URL; an async context manager.

    `keep` is given tasks that outlive the call that began them.
    """

    def __init__(
        self,
        settings: EgressSettings,
        transport: Transport,
        cache: CredentialCache,
        keep: Callable[["asyncio.Task[None]"], None],
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._cache = cache
        self._keep = keep
        # Standing streams have a pool of their own: they must not take the places of calls.
        self._streams = Transport(
            msgspec.structs.replace(
                settings, connections=STREAMS, connections_per_host=0, silence_seconds=STREAM_SILENCE_SECONDS
            )
        )
        self._held: dict[tuple[Key, str], _Held] = {}
        self._eras: OrderedDict[str, Era] = OrderedDict()
        self._callbacks: list[ListChanged] = []

    async def __aenter__(self) -> "HostedServers":
        await self._streams.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for held in self._held.values():
            held.upstream.close()
        self._held.clear()
        await self._streams.__aexit__(kind, error, trace)

    def on_list_change(self, callback: ListChanged) -> None:
        """Call `callback` when a server is found to list something else than before."""
        self._callbacks.append(callback)

    async def way(self, place: Place, holder: str, check: Permission, *, traceparent: str = "") -> Way:
        """A caller's way there, with the account's credential.

        Raises:
            Refused: the server is not one that the credential may be sent to, or there is no credential.
        """
        try:
            where = address(place.url)
        except AddressInvalid as error:
            raise unavailable(place.title, f"the address of its MCP server cannot be used: {error}") from None
        if not where.is_among(place.hosts):
            problem = f"its MCP server {where.authority} is not among the hosts that are allowed for it"
            raise unavailable(place.title, problem)
        return Way(
            transport=self._transport,
            cache=self._cache,
            key=place.key,
            holder=holder,
            address=where,
            title=place.title,
            credential=await self._cache.get(place.key, holder),
            check=check,
            keep=self._keep,
            limit=self._settings.hosted_answer_bytes,
            traceparent=traceparent,
        )

    def at(self, place: Place, holder: str) -> Upstream:
        """The account's upstream, held for a session, or for a binding whose tools are read."""
        held = self._held.get((place.key, place.url))
        if held is None:
            listing = Listing(self._settings.hosted_list_seconds, lambda: self._changed(place.key, place.url))
            held = _Held(Upstream(place.title, self._era(place.url), listing, self._streams))
            self._held[place.key, place.url] = held
        held.holders.add(holder)
        return held.upstream

    def drop(self, holder: str) -> None:
        """Nothing is done for it any more; what only it held is forgotten."""
        for where, held in list(self._held.items()):
            held.holders.discard(holder)
            if not held.holders:
                held.upstream.close()
                del self._held[where]

    async def listed(self, place: Place, holder: str, check: Permission) -> Listed:
        """What the server lists, asked for now.

        Raises:
            Refused, ProviderFailed: it cannot be read.
        """
        way = await self.way(place, holder, check)
        listing = await self.at(place, holder).tools(way, anew=True)
        return listing.tools

    def _changed(self, key: Key, url: str) -> None:
        for callback in self._callbacks:
            callback(key, url)

    def _era(self, url: str) -> Era:
        """What one account has found out about a server serves the next."""
        era = self._eras.setdefault(url, Era())
        self._eras.move_to_end(url)
        if len(self._eras) > REMEMBERED_ERAS:
            self._eras.popitem(last=False)
        return era
