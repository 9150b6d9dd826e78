"""What is asked of the HTTP request before its message is looked at."""

import asyncio
import re

from aiohttp import hdrs, web

from .jsonrpc import RpcError
from .protocol import HEADER_MISMATCH, INVALID_REQUEST, ROUTING_HEADERS

MAXIMUM_BODY = 4 << 20
BODY_SECONDS = 20.0

# A web page can be made to reach loopback by DNS rebinding, but then its own name is in Host or Origin.
_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?\Z", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?\Z", re.IGNORECASE)
_ONCE = (*ROUTING_HEADERS, hdrs.AUTHORIZATION, hdrs.CONTENT_TYPE, hdrs.ORIGIN)


async def read_body(request: web.Request) -> bytes:
    """The body as it was sent.

    Raises:
        RpcError: 413 beyond 4 MiB, 408 when it does not come in time, 415 when it is compressed.
    """
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise RpcError(INVALID_REQUEST, "Content-Encoding is not accepted", status=415)
    if (request.content_length or 0) > MAXIMUM_BODY:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > MAXIMUM_BODY:
                    raise _too_large()
    except TimeoutError:
        raise RpcError(INVALID_REQUEST, f"The body did not come within {BODY_SECONDS:g} s", status=408) from None
    return bytes(body)


def check_addressee(request: web.Request) -> None:
    """Host and Origin must be loopback (MCP, Streamable HTTP, security).

    Raises:
        RpcError: 421 or 403.
    """
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) != 1 or not _HOST.match(hosts[0]):
        raise RpcError(INVALID_REQUEST, "Host must be localhost, 127.0.0.1 or [::1]", status=421)
    origins = request.headers.getall(hdrs.ORIGIN, [])
    if any(not _ORIGIN.match(origin) for origin in origins):
        raise RpcError(INVALID_REQUEST, "Origin is not allowed", status=403)


def check_form(request: web.Request) -> None:
    """Content-Type and Accept of a POST, and headers that may come only once.

    Raises:
        RpcError: 415, 406 or 400.
    """
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise RpcError(INVALID_REQUEST, "Content-Type must be application/json", status=415)
    if not accepts(request, "application", "json"):
        raise RpcError(INVALID_REQUEST, "Accept must hold application/json and text/event-stream", status=406)
    for name in _ONCE:
        if len(request.headers.getall(name, [])) > 1:
            raise RpcError(HEADER_MISMATCH, f"The header {name} appears more than once")


def accepts(request: web.Request, kind: str, subtype: str) -> bool:
    """Whether the client takes that media type. No Accept header means that it takes any (RFC 9110 12.5.1)."""
    ranges = ",".join(request.headers.getall(hdrs.ACCEPT, ["*/*"]))
    for each in ranges.split(","):
        media, *parameters = (part.strip().lower() for part in each.split(";"))
        if media in (f"{kind}/{subtype}", f"{kind}/*", "*/*"):
            return not any(re.fullmatch(r"q=0(\.0{0,3})?", parameter) for parameter in parameters)
    return False


def _too_large() -> RpcError:
    return RpcError(INVALID_REQUEST, f"The body is larger than {MAXIMUM_BODY} bytes", status=413)
