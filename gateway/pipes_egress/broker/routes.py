"""`POST /v1/call`: both tokens, then the call; progress and result as JSON lines."""

import logging
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import hdrs, web

from pipes_api.messages import BrokerCall, Failure, encode
from pipes_api.names import SESSION_TOKEN_HEADER
from pipes_api.reasons import RequestRefusal
from pipes_live.client import SessionService
from pipes_live.tokens import TokenInvalid

from ..call import ToolResult
from ..lines import Lines
from .calls import BrokerCalls
from .facts import Asked
from .metrics import Metrics
from .reviews import NotReviewed, Pod, TokenReviews

log = logging.getLogger(__name__)

_CALL = msgspec.json.Decoder(BrokerCall)
LINES = "application/x-ndjson"
POD_CALLS = 16
"""Calls of one pod that are held at once, with what was sent for them; more wait before their bodies are read."""
MOST_NESTED = 100_000
"""Lists and objects in one call: an empty one takes three bytes on the wire, and sixty here."""


class _Turned(Exception):  # noqa: N818 - reads as what happened
    """Turned away before anything is decided about the call."""

    def __init__(self, status: int, reason: RequestRefusal, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class _Lines:
    """The answer: begun with the first progress, else sent in one piece."""

    request: web.Request
    stream: web.StreamResponse | None = field(default=None)

    async def progress(self, done: float, message: str) -> None:
        await self._write({"progress": {"progress": done, "message": message}})

    async def end(self, result: ToolResult) -> web.StreamResponse:
        line = msgspec.json.encode({"result": result}) + b"\n"
        if self.stream is None:
            return web.Response(body=line, content_type=LINES)
        await self.stream.write(line)
        await self.stream.write_eof()
        return self.stream

    async def _write(self, value: dict[str, Any]) -> None:
        if self.stream is None:
            self.stream = web.StreamResponse(headers={hdrs.CONTENT_TYPE: LINES, hdrs.CACHE_CONTROL: "no-store"})
            await self.stream.prepare(self.request)
        await self.stream.write(msgspec.json.encode(value) + b"\n")


class Routes:
    def __init__(self, calls: BrokerCalls, reviews: TokenReviews, service: SessionService, metrics: Metrics) -> None:
        self._calls = calls
        self._reviews = reviews
        self._service = service
        self._metrics = metrics
        self._lines = Lines(POD_CALLS)

    def mount(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v1/call", self.call)

    async def call(self, request: web.Request) -> web.StreamResponse:
        try:
            pod = await self._pod(request)
            async with self._lines.turn(pod.uid):
                return await self._answered(request, await self._asked(request, pod))
        except _Turned as turned:
            self._metrics.turned_away(turned.reason)
            body = encode(Failure(reason=turned.reason, message=str(turned)))
            return web.Response(status=turned.status, body=body, content_type="application/json")

    async def _answered(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        lines = _Lines(request)
        with self._metrics.call() as measured:
            result = await self._calls.execute(asked, lines.progress)
            measured.reason = str(result.denial.reason) if result.denial is not None else ""
        return await lines.end(result)

    async def _pod(self, request: web.Request) -> Pod:
        try:
            return await self._reviews.pod_of(_single(request, hdrs.AUTHORIZATION))
        except NotReviewed as error:
            if error.unavailable:
                raise _Turned(503, RequestRefusal.UNAVAILABLE, str(error)) from None
            raise _Turned(401, RequestRefusal.UNAUTHENTICATED, str(error)) from None

    async def _asked(self, request: web.Request, pod: Pod) -> Asked:
        """What the pod asks, under which session."""
        try:
            claims = await self._service.verify(_single(request, SESSION_TOKEN_HEADER))
        except TokenInvalid as error:
            message = f"the session token is not valid: {error.word}"
            raise _Turned(401, RequestRefusal.UNAUTHENTICATED, message) from None
        return Asked(pod, claims, await _body(request))


async def _body(request: web.Request) -> BrokerCall:
    try:
        body = await request.read()
        if body.count(b"[") + body.count(b"{") > MOST_NESTED:
            raise _Turned(413, RequestRefusal.INVALID, "the call holds too many lists and objects")
        call = _CALL.decode(body)
    except web.HTTPRequestEntityTooLarge:
        raise _Turned(413, RequestRefusal.INVALID, "the call is too long") from None
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        raise _Turned(400, RequestRefusal.INVALID, "the body is not a call of this version") from None
    if call.reserved:
        raise _Turned(400, RequestRefusal.INVALID, "the broker takes calls from the budget itself")
    return call


def _single(request: web.Request, name: str) -> str:
    values = request.headers.getall(name, [])
    if len(values) != 1:
        raise _Turned(401, RequestRefusal.UNAUTHENTICATED, f"exactly one header {name} is needed")
    return values[0]
