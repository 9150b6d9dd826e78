"""Server-sent events, the form of every answer that is more than one message."""

from typing import Any

from aiohttp import web

from .jsonrpc import dumps

KEEP_ALIVE = b": still here\n\n"
KEEP_ALIVE_SECONDS = 15.0

_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


async def begin(request: web.Request) -> web.StreamResponse:
    """Send the head of an event stream."""
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    return response


def event(message: dict[str, Any]) -> bytes:
    """One event with one JSON-RPC message."""
    return b"event: message\ndata: " + dumps(message) + b"\n\n"


def notification(method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method} | ({"params": params} if params is not None else {})
