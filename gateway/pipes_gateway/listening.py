"""Sockets of the MCP endpoint: bound early, so that a taken port is told at once; bounded in connections."""

import asyncio
import errno
import socket

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

from pipes_live.command import CannotRun

FIRST_REQUEST_SECONDS = 20.0
"""A connection must have sent the head of a request by then."""

_BUSY_BODY = b'{"jsonrpc":"2.0","id":null,"error":{"code":503,"message":"Too many open connections"}}'
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: application/json\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(_BUSY_BODY), _BUSY_BODY)
)


class CannotListen(CannotRun):
    """One line that says which address, and why."""


def bind(addresses: tuple[str, ...], port: int) -> list[socket.socket]:
    """Sockets on every address that this machine has, all on one port; port 0 takes a free one.

    Raises:
        CannotListen: the port is taken, or no address can be used.
    """
    sockets: list[socket.socket] = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            bound = socket.socket(family, socket.SOCK_STREAM)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((address, port))
            bound.setblocking(False)
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue
            for each in sockets:
                each.close()
            raise CannotListen(f"cannot listen on {address} port {port}: {error.strerror}") from None
        sockets.append(bound)
        port = bound.getsockname()[1]
    if not sockets:
        raise CannotListen(f"none of the addresses {', '.join(addresses)} exists here")
    return sockets


class _Refuse(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.write(_BUSY)
            transport.close()


class Newcomers:
    """Connections that have not sent a whole request head yet.

    aiohttp would wait for the first one for ever; here that has an end.
    """

    def __init__(self, seconds: float = FIRST_REQUEST_SECONDS) -> None:
        self._seconds = seconds
        self._silent: set[RequestHandler] = set()

    def came(self, handler: RequestHandler) -> None:
        self._silent.add(handler)
        asyncio.get_running_loop().call_later(self._seconds, self._look, handler)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._silent.discard(request.protocol)
        return await handler(request)

    def _look(self, handler: RequestHandler) -> None:
        if handler in self._silent:
            self._silent.discard(handler)
            handler.force_close()


class BoundedSite(web.BaseSite):
    """Serves one socket, with a bound on open connections."""

    def __init__(self, runner: web.AppRunner, sock: socket.socket, maximum: int, newcomers: Newcomers) -> None:
        super().__init__(runner)
        self._socket = sock
        self._maximum = maximum
        self._newcomers = newcomers

    @property
    def name(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def start(self) -> None:
        await super().start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, sock=self._socket)

    def _connection(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None or len(server.connections) >= self._maximum:
            return _Refuse()
        handler = server()
        self._newcomers.came(handler)
        return handler
