"""The session service's client: keeps the stream up, sends requests."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from pipes_api import messages
from pipes_api.tokens import SessionClaims

from .errors import Refused, Unreachable
from .reading import Lines, LineTooLong, read_event
from .settings import ServiceSettings
from .tokens import TokenInvalid
from .transport import Transport
from .view import LiveView, ProtocolMismatch

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
SETTLED_SECONDS = 10.0
"""A stream that lived so long was a good one: the next attempt does not wait as if it had failed."""
KEYS_EVERY_SECONDS = 10.0


class SessionService:
    """One client of the session service, feeding one view. Use as an async context manager, and run `run` as a task."""

    def __init__(self, settings: ServiceSettings, view: LiveView | None = None) -> None:
        self.view = view if view is not None else LiveView()
        self._settings = settings
        self._transport = Transport(settings)
        self._keys_asked_at: float | None = None
        self._first_snapshot = asyncio.Event()

    async def __aenter__(self) -> "SessionService":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._transport.close()

    async def synchronized(self, seconds: float) -> bool:
        """Wait for the first snapshot, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._first_snapshot.wait()
        except TimeoutError:
            return False
        return True

    async def run(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Keep the stream up until cancelled. Whatever breaks it is logged once and tried again."""
        wait = FIRST_PAUSE_SECONDS
        while True:
            began = self.view.clock()
            try:
                await self._watch()
                reason = "the session service ended the stream"
            except (Refused, Unreachable, ProtocolMismatch, LineTooLong) as error:
                reason = str(error)
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                reason = f"the session service sent what is not a message of version {messages.PROTOCOL}: {error}"
            finally:
                self.view.stream_is(connected=False)
            if self.view.clock() - began > SETTLED_SECONDS:
                wait = FIRST_PAUSE_SECONDS
            log.warning("no stream from the session service: %.300s", reason)
            await pause(wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnects
            wait = min(wait * 2, LONGEST_PAUSE_SECONDS)

    async def create(self, request: messages.CreateSession) -> messages.SessionCreated:
        """Ask for a session, for the pod that this process runs in.

        Raises:
            Refused, Unreachable: here and in all requests below.
        """
        return await self._post("/v1/sessions", request, messages.SessionCreated)

    async def end(self, name: str, uid: str | None = None) -> None:
        """End an Active session, or withdraw a pending one."""
        await self._transport.post(_of(name, "end"), messages.encode(messages.EndSession(uid=uid)))

    async def reserve(self, name: str, request: messages.Reserve) -> messages.Reserved:
        return await self._post(_of(name, "reserve"), request, messages.Reserved)

    async def usage(self, name: str, request: messages.ReportUsage) -> None:
        await self._transport.post(_of(name, "usage"), messages.encode(request))

    async def discovered(self, binding: str, request: messages.Discovered) -> None:
        """Tell what the hosted MCP server of a binding lists now; for the broker."""
        await self._transport.post(f"/v1/bindings/{quote(binding, safe='')}/tools", messages.encode(request))

    async def certificate(self, csr: str) -> messages.Certificate:
        return await self._post("/v1/certificate", messages.CertificateRequest(csr=csr), messages.Certificate)

    async def verify(self, token: str) -> SessionClaims:
        """Verify a session token; an unknown key is asked for once, at most every 10 s.

        Raises:
            TokenInvalid: as in `TokenVerifier.verify`.
        """
        try:
            return self.view.verifier.verify(token)
        except TokenInvalid as invalid:
            if invalid.word != TokenInvalid.UNKNOWN_KEY or not await self._fetch_keys():
                raise
        return self.view.verifier.verify(token)

    async def _fetch_keys(self) -> bool:
        now = self.view.clock()
        if self._keys_asked_at is not None and now - self._keys_asked_at < KEYS_EVERY_SECONDS:
            return False
        self._keys_asked_at = now
        try:
            body = await self._transport.get("/.well-known/jwks.json")
            self.view.verifier.use(msgspec.json.decode(body, type=dict[str, Any]))
        except (Refused, Unreachable, msgspec.DecodeError, msgspec.ValidationError) as error:
            log.warning("the signing keys could not be fetched: %.300s", error)
            return False
        return True

    async def _watch(self) -> None:
        lines = Lines()
        asked_at = self.view.clock()
        async with self._transport.stream("/v1/watch") as response:
            while True:
                data = await self._next(response)
                if not data:
                    return
                for line in lines.feed(data):
                    event = read_event(line)
                    if event is None:
                        continue
                    self.view.apply(event, asked_at)
                    if isinstance(event, messages.Snapshot):
                        self._first_snapshot.set()
                        self.view.stream_is(connected=True)
                        log.info("the stream of the session service is up: %d bindings", len(event.bindings))
                    elif isinstance(event, messages.Goodbye):
                        raise Unreachable(f"the session service said goodbye: {event.reason}")

    async def _next(self, response: aiohttp.ClientResponse) -> bytes:
        try:
            async with asyncio.timeout(self._settings.silence_seconds):
                return await response.content.readany()
        except TimeoutError:
            raise Unreachable(f"nothing came for {self._settings.silence_seconds:g} s") from None
        except aiohttp.ClientError as error:
            raise Unreachable(f"the stream broke: {error}") from error

    async def _post(self, path: str, request: Any, answer: type[T]) -> T:
        body = await self._transport.post(path, messages.encode(request))
        try:
            return msgspec.json.decode(body, type=answer)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Unreachable(f"the session service sent an answer that cannot be read: {error}") from error


def _of(name: str, action: str) -> str:
    return f"/v1/sessions/{quote(name, safe='')}/{action}"
