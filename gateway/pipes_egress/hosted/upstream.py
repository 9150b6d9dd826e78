"""One hosted server as one account sees it: its era, its session, its requests in flight, what it lists."""

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

from ..problems import ProviderFailed
from ..transport.client import Arriving, NoAnswer, Transport
from .answers import Answers
from .listening import Listener
from .listing import Listing, collected
from .problems import HttpRefused, RpcError, failed, refused, unanswered
from .protocol import DISCOVER, HANDSHAKES, INITIALIZE, MODERN, Ask, Spoken, announces, is_session_id, notification
from .way import Way


@dataclass(slots=True)
class Era:
    """What is known of a server's era: None as long as nothing is. Shared by all accounts at it."""

    modern: bool | None = None


class Upstream:
    """Shared by all calls of one account: opened once, requests told apart by numbers of its own."""

    def __init__(self, title: str, era: Era, listing: Listing, streams: Transport) -> None:
        self.listing = listing
        self._answers = Answers(title, listing.doubt)
        self._era = era
        self._title = title
        self._spoken: Spoken | None = None
        self._opening = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._listener = Listener(streams, self._answers, listing.doubt, lambda: next(self._numbers))

    async def request(self, way: Way, ask: Ask, *, counts: bool = False) -> dict[str, Any]:
        """The result of a request, as the server gave it. A lost session is opened anew, once.

        Raises:
            RpcError: the server answered with an error.
            Refused, ProviderFailed: as `Way.post`.
        """
        again = True
        while True:
            try:
                spoken = await self._opened(way)
                if counts:
                    self._listener.attend(way, spoken)
                return await self._exchanged(way, spoken, ask, counts=counts)
            except NoAnswer as error:
                maybe_done = counts and way.sent and not ask.repeatable
                if not again or maybe_done:
                    raise unanswered(self._title, error, maybe_done=maybe_done) from None
            except HttpRefused as refusal:
                lost = refusal.version_is_refused if spoken.modern else bool(spoken.session) and refusal.session_is_lost
                if not again or not lost:
                    if refusal.error is not None and refusal.status < 429:
                        raise refusal.error from None
                    raise refused(self._title, refusal, maybe_done=counts and not ask.repeatable) from None
                # The server did not take the request in, so that sending it again is not sending it twice.
                self._forget(spoken)
            again = False

    async def tools(self, way: Way, *, anew: bool = False) -> Listing:
        """What the server lists, no older than allowed; read by one caller at a time.

        Raises:
            Refused, ProviderFailed: it cannot be read now. Nothing older is given instead.
        """
        seen = self.listing.readings
        if not anew and self.listing.is_current:
            return self.listing
        async with self._reading:
            if self.listing.readings == seen or not self.listing.is_current:
                begun = self.listing.begin()
                try:
                    self.listing.take(await collected(lambda ask: self.request(way, ask)), begun)
                except RpcError as error:
                    raise failed(self._title, error) from None
        return self.listing

    def close(self) -> None:
        """Nobody uses it any more."""
        self._listener.close()

    async def _opened(self, way: Way) -> Spoken:
        if self._spoken is None:
            async with self._opening:
                if self._spoken is None:
                    self._spoken = await self._agreed(way)
                    self._era.modern = self._spoken.modern
        return self._spoken

    def _forget(self, spoken: Spoken) -> None:
        if self._spoken is spoken:
            self._spoken = None
            self.listing.doubt()

    async def _agreed(self, way: Way) -> Spoken:
        """Which revision both speak (2026-07-28, basic/versioning): the newest is tried first."""
        if self._era.modern is not False:
            modern = await self._discovered(way)
            if modern is not None:
                return modern
        try:
            return await self._handshake(way)
        except HttpRefused as refusal:
            self._era.modern = None  # it may have become a server of the other era; the next call finds out
            raise refused(self._title, refusal) from None
        except RpcError as error:
            raise failed(self._title, error) from None

    async def _discovered(self, way: Way) -> Spoken | None:
        """The stateless era, if the server is of it."""
        try:
            result = await self._exchanged(way, Spoken(MODERN), DISCOVER)
        except RpcError:
            return None
        except HttpRefused as refusal:
            if not refusal.is_of_another_era:
                raise refused(self._title, refusal) from None
            return None
        versions = result.get("supportedVersions")
        known = isinstance(versions, list) and MODERN in versions
        return Spoken(MODERN, announces=announces(result)) if known else None

    async def _handshake(self, way: Way) -> Spoken:
        number, newest = next(self._numbers), Spoken(HANDSHAKES[0])
        session = ""

        async def read(answer: Arriving) -> dict[str, Any]:
            nonlocal session
            session = answer.headers.get("Mcp-Session-Id", "")
            return await self._answers.result(way, newest, answer, number)

        result = await way.post(INITIALIZE.headers(newest), INITIALIZE.envelope(newest, number), read)
        version = result.get("protocolVersion")
        if version not in HANDSHAKES or (session and not is_session_id(session)):
            raise ProviderFailed(f"{self._title}'s MCP server speaks no revision of MCP that is spoken here")
        spoken = Spoken(version, session, announces(result))
        await way.post(spoken.posting, notification("notifications/initialized"), _nothing)
        return spoken

    async def _exchanged(self, way: Way, spoken: Spoken, ask: Ask, *, counts: bool = False) -> dict[str, Any]:
        number = next(self._numbers)
        message = ask.envelope(spoken, number, progress=counts and way.told is not None)

        async def read(answer: Arriving) -> dict[str, Any]:
            return await self._answers.result(way, spoken, answer, number)

        try:
            return await way.post(ask.headers(spoken), message, read, counts=counts)
        except asyncio.CancelledError:
            # In the stateless era the closed stream says it; before, only this does (basic/utilities/cancellation).
            if counts and way.sent and not spoken.modern:
                gone = notification("notifications/cancelled", {"requestId": number, "reason": "the caller is gone"})
                way.aside(spoken.posting, gone)
            raise


async def _nothing(answer: Arriving) -> None:
    return None
