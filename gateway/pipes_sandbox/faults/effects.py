"""What a fault does to the call it strikes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import web

from pipes_sandbox.faults.rules import Fault

_CHUNK = 64 * 1024
_HTML = """<!doctype html><html><head><title>503 Service Temporarily Unavailable</title></head>
<body><h1>Service Temporarily Unavailable</h1><p>The server is having a break. Reference #18.2f3d.</p></body></html>"""
_VEND_REFUSALS: dict[str, tuple[int, dict[str, str]]] = {
    "account_selection_required": (
        409,
        {
            "code": "account_selection_required",
            "message": "Several connected accounts match; name one with connected_account_id.",
        },
    ),
    "auth_method_mismatch": (
        422,
        {
            "code": "auth_method_mismatch",
            "message": "This installation uses oauth authentication. Use the POST /:slug/token endpoint instead.",
        },
    ),
    "forbidden": (403, {"message": "The user is not an active member of the organization."}),
}


class ConnectionGoneError(Exception):
    """The connection was cut on purpose: there is nobody left to answer."""


async def strike(
    fault: Fault, request: web.Request, answer: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """The answer of a call that `fault` strikes; `answer` is what the service itself would do.

    Raises ConnectionGoneError when the fault is that no answer comes.
    """
    await asyncio.sleep(fault.delay)
    if fault.effect == "none":
        return await answer()
    real = await answer() if fault.stage == "after" or fault.effect == "cut" else None
    match fault.effect:
        case "respond":
            return _respond(fault)
        case "vend_error":
            return _vend_error(fault.error)
        case "html":
            return web.Response(status=fault.status, text=_HTML, content_type="text/html", headers=fault.headers)
        case "truncated_json":
            return web.Response(status=fault.status, text='{"active":true,"access', content_type="application/json")
        case "empty":
            return web.Response(status=fault.status, headers=fault.headers)
        case "endless":
            return await _stream(fault, request, _endless())
        case "huge":
            return await _stream(fault, request, _huge(fault.megabytes))
        case "gzip_bomb":
            return await _stream(fault, request, _gzip_bomb(fault.megabytes), encoding="gzip")
        case "cut":
            return await _cut(request, real)
        case "hang":
            await asyncio.Event().wait()
    _reset(request)
    raise ConnectionGoneError


def _respond(fault: Fault) -> web.Response:
    if isinstance(fault.body, str):
        headers = {"Content-Type": "text/plain; charset=utf-8", **fault.headers}
        return web.Response(status=fault.status, body=fault.body.encode(), headers=headers)
    headers = {"Content-Type": "application/json", **fault.headers}
    return web.Response(status=fault.status, body=json.dumps(fault.body).encode(), headers=headers)


def _vend_error(error: str) -> web.Response:
    if error in _VEND_REFUSALS:
        status, body = _VEND_REFUSALS[error]
        return web.json_response(body, status=status)
    return web.json_response({"active": False, "error": error})


async def _stream(
    fault: Fault, request: web.Request, chunks: AsyncIterator[bytes], *, encoding: str | None = None
) -> web.StreamResponse:
    response = web.StreamResponse(status=fault.status, headers={"Content-Type": "application/json"})
    if encoding:
        response.headers["Content-Encoding"] = encoding
    await response.prepare(request)
    async for chunk in chunks:
        await response.write(chunk)
    await response.write_eof()
    return response


async def _endless() -> AsyncIterator[bytes]:
    yield b'{"data":["'
    while True:
        yield b"a" * 1024
        await asyncio.sleep(0.005)


async def _huge(megabytes: float) -> AsyncIterator[bytes]:
    yield b'{"data":["'
    for _ in range(int(megabytes * 1024 * 1024) // _CHUNK):
        yield b"a" * _CHUNK
    yield b'"]}'


async def _gzip_bomb(megabytes: float) -> AsyncIterator[bytes]:
    """A valid gzip stream of spaces, a thousandth of its size on the wire.

    A fully flushed deflate block does not look back, so one compressed block can be sent over and over.
    """
    block = b" " * (4 * 1024 * 1024)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum, size = 0, 0
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    for _ in range(max(1, round(megabytes / 4))):
        checksum = zlib.crc32(block, checksum)
        size += len(block)
        yield packed
        await asyncio.sleep(0)
    yield compressor.flush(zlib.Z_FINISH) + struct.pack("<II", checksum, size & 0xFFFFFFFF)


async def _cut(request: web.Request, real: web.StreamResponse | None) -> web.StreamResponse:
    """Half of the real body under the Content-Length of the whole one, then a closed connection."""
    whole: Any = real.body if isinstance(real, web.Response) else None
    body = whole if isinstance(whole, bytes) else b'{"data":[]}'
    response = web.StreamResponse(status=real.status if real else 200, headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport:
        request.transport.close()
    raise ConnectionGoneError


def _reset(request: web.Request) -> None:
    """RST instead of FIN: the peer sees `connection reset`, not an orderly end."""
    if request.transport is None:
        return
    if (sock := request.transport.get_extra_info("socket")) is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
