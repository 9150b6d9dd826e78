"""One open stream: bytes go to the transport at once, and a reader too slow to take them is cut."""

import asyncio
import logging
import socket
from typing import Any

from aiohttp import web

from pipes_api.messages import Goodbye, Identity

from . import lines, metrics
from .definitions import Definitions

logger = logging.getLogger(__name__)

_TLS_RECORD = 16 * 1024

_UNACKNOWLEDGED_MILLISECONDS = 20_000
"""Heartbeats that nobody acknowledges end the connection after this long; a vanished peer sends no FIN."""


class Stream:
    """The answer to one `GET /v1/watch`.

    Lines are written to the transport directly, in HTTP/1.1 chunks (RFC 9112
    section 7.1) framed here: a coroutine between a revocation and the socket
    would wait its turn in the event loop.
    """

    def __init__(self, identity: Identity, transport: asyncio.WriteTransport, buffer_bytes: int) -> None:
        self.identity = identity
        self.ended = asyncio.Event()
        self.end_reason = ""
        self.renew_at = 0.0
        """When its leases are next renewed (CLOCK_BOOTTIME)."""
        self._transport = transport
        self._most = self._buffer_bytes = buffer_bytes
        self._known_definitions: set[str] = set()

    @property
    def is_broker(self) -> bool:
        return self.identity.role == "broker"

    def send_snapshot(self, data: bytes) -> None:
        """Write the first line. It may be larger than what may otherwise wait; that much is allowed until it is out."""
        self._most = self._buffer_bytes + len(data)
        self.send(data)

    def send(self, data: bytes) -> None:
        """Write a line now; a reader that has let too much wait is cut instead, and opens a new stream."""
        if self.ended.is_set():
            return
        if self._transport.is_closing():
            self.end("connection lost")
            return
        self._write(b"%x\r\n%b\r\n" % (len(data), data))
        waiting = self._transport.get_write_buffer_size()
        if waiting > self._most:
            self._transport.abort()
            self.end("too slow")
        elif waiting <= self._buffer_bytes:
            self._most = self._buffer_bytes

    def _write(self, chunk: bytes) -> None:
        # OpenSSL keeps a buffer as large as the largest single write, for as long as the connection is open.
        for start in range(0, len(chunk), _TLS_RECORD):
            self._transport.write(chunk[start : start + _TLS_RECORD])

    def unknown(self, digests: frozenset[str], definitions: Definitions) -> dict[str, dict[str, Any]]:
        """The definitions among `digests` that this stream has not carried yet; they count as carried from now on."""
        wanted = digests - self._known_definitions
        if not wanted:
            return {}
        found = {digest: data for digest in sorted(wanted) if (data := definitions.find(digest)) is not None}
        self._known_definitions |= found.keys()
        return found

    def goodbye(self, reason: str) -> None:
        """The last line, then the end."""
        self.send(lines.line(Goodbye(reason=reason)))
        self.end(reason)

    def end(self, reason: str) -> None:
        if not self.ended.is_set():
            self.end_reason = reason
            metrics.STREAMS_ENDED.labels(reason).inc()
            self.ended.set()


async def begin(request: web.Request) -> tuple[web.StreamResponse, asyncio.WriteTransport]:
    """Send the headers of a stream, so that chunks may follow on the transport.

    Raises:
        ConnectionResetError: the caller has gone already.
    """
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
    response.content_type = "application/x-ndjson"
    response.enable_chunked_encoding()
    writer = await response.prepare(request)
    transport = request.transport
    if writer is None or transport is None:
        raise ConnectionResetError("the caller has gone")
    # aiohttp keeps the headers back until the first chunk, which it will not see here.
    writer.send_headers()
    _notice_vanished(transport)
    return response, transport


def _notice_vanished(transport: asyncio.BaseTransport) -> None:
    raw = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if raw is None or option is None:
        return
    try:
        raw.setsockopt(socket.IPPROTO_TCP, option, _UNACKNOWLEDGED_MILLISECONDS)
    except OSError as error:
        logger.debug("no TCP user timeout on this connection: %s", error)
