"""One POST and its answer: plain JSON when it is quick and silent, an event stream when it is not."""

import asyncio
from typing import Any

from aiohttp import web

from . import sse
from .jsonrpc import Id, RpcError, dumps
from .protocol import CANCELLED, INTERNAL_ERROR

MAXIMUM_WAITING = 64


class Exchange:
    """Carries notifications about one request while its result is made.

    A client that does not take event streams gets none: its notifications are dropped.
    """

    def __init__(self, request: web.Request, request_id: Id, *, can_stream: bool) -> None:
        self._request = request
        self._id = request_id
        self._can_stream = can_stream
        self._waiting: list[dict[str, Any]] = []
        self._something = asyncio.Event()

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification before the result; beyond 64 that the client has not read, it is dropped."""
        if self._can_stream and len(self._waiting) < MAXIMUM_WAITING:
            self._waiting.append(sse.notification(method, params))
            self._something.set()

    async def answer(self, task: asyncio.Task[dict[str, Any]]) -> web.StreamResponse:
        """Answer the POST with what `task` returns, or with the JSON-RPC error that it raises."""
        task.add_done_callback(lambda _: self._something.set())
        stream: web.StreamResponse | None = None
        while not task.done():
            await self._anything(sse.KEEP_ALIVE_SECONDS)
            if not self._can_stream or (task.done() and not self._waiting and stream is None):
                continue
            if stream is None:
                stream = await sse.begin(self._request)
            waiting, self._waiting = self._waiting, []
            await stream.write(b"".join(map(sse.event, waiting)) or sse.KEEP_ALIVE)
        body, status = outcome(self._id, task)
        if stream is None:
            return json_response(body, status)
        await stream.write(sse.event(body))
        await stream.write_eof()
        return stream

    async def _anything(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._something.wait()
        except TimeoutError:
            return
        self._something.clear()


def outcome(request_id: Id, task: asyncio.Task[dict[str, Any]]) -> tuple[dict[str, Any], int]:
    """Body and HTTP status for a task that is done."""
    if task.cancelled():
        return RpcError(CANCELLED, "The request was cancelled").body(request_id), 200
    error = task.exception()
    if isinstance(error, RpcError):
        return error.body(request_id), error.status
    if error is not None:
        return RpcError(INTERNAL_ERROR, "Internal error").body(request_id), 500
    return {"jsonrpc": "2.0", "id": request_id, "result": task.result()}, 200


def json_response(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=dumps(body), status=status, content_type="application/json")
