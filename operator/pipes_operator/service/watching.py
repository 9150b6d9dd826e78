"""`GET /v1/watch`: opens a stream, keeps it while its caller is who it said, and ends it with the token."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiohttp import HttpVersion11, hdrs, web

from pipes_api.clock import boottime

from .authentication import Authenticator, Caller, bearer
from .hub import Hub
from .refusals import Refused, invalid, unavailable
from .settings import ServiceSettings
from .stream import Stream, begin

logger = logging.getLogger(__name__)

_REVIEW_AGAIN_SECONDS = 15.0
"""Pause after a review that nobody could make; the token's own end bounds how often."""

_GOODBYE_SECONDS = 2.0


class Watching:
    """The handler of streams. `current`: whether the operator's view is proven at that moment."""

    def __init__(
        self,
        hub: Hub,
        authenticator: Authenticator,
        settings: ServiceSettings,
        current: Callable[[], bool],
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._hub = hub
        self._authenticator = authenticator
        self._settings = settings
        self._current = current
        self._clock = clock

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Answer one stream; returns when it has ended."""
        if request.version < HttpVersion11:
            raise invalid("a stream takes HTTP/1.1")
        token = bearer(request.headers.get(hdrs.AUTHORIZATION))
        caller = await self._authenticator.review(token)
        if not self._current():
            # A snapshot replaces all that its reader knew; one of an old view would bring back what is over.
            raise unavailable("the operator's view is not current")
        response, transport = await begin(request)
        stream = Stream(caller.identity, transport, self._settings.buffer_bytes)
        who = f"{caller.identity.role} {caller.identity.namespace}/{caller.identity.pod_name}"
        try:
            self._hub.open(stream)
            logger.info("stream of %s opened", who)
            await self._attend(stream, token, caller)
        except Exception:
            # The answer has begun: an error page in the middle of it would be read as part of the stream.
            logger.exception("the stream of %s failed", who)
            transport.abort()
        finally:
            stream.end("caller left")
            self._hub.close(stream)
            logger.info("stream of %s ended: %s", who, stream.end_reason)
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await response.write_eof()
        return response

    async def _attend(self, stream: Stream, token: str, caller: Caller) -> None:
        review_at = self._clock() + self._settings.review_seconds
        while True:
            clock = self._clock()
            if clock >= caller.until:
                stream.goodbye("token expired")
                return
            if clock >= review_at:
                review_at = clock + await self._review(stream, token, caller)
            # In short turns: a machine that slept wakes with timers that did not count the sleep.
            turn = min(caller.until - clock, review_at - clock, 5.0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(turn, 0.01)):
                    await stream.ended.wait()
            if stream.ended.is_set():
                return

    async def _review(self, stream: Stream, token: str, caller: Caller) -> float:
        """Seconds until the next review; the stream has ended if the caller is not who it was."""
        try:
            again = await self._authenticator.review(token)
        except Refused as refused:
            if refused.status >= 500:
                return _REVIEW_AGAIN_SECONDS
            stream.goodbye("token no longer accepted")
            return _REVIEW_AGAIN_SECONDS
        if again.identity != caller.identity:
            stream.goodbye("token no longer accepted")
        return self._settings.review_seconds
