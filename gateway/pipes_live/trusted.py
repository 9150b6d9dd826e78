"""HTTPS to our own services, under a CA that may be renewed at any moment."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import AddrInfoType

from .files import FreshFile


def trusting(ca_file: Path) -> ssl.SSLContext:
    """A TLS context that trusts this CA and nothing else, and checks the host's name.

    Raises:
        OSError: the file cannot be read, or holds no certificate (`ssl.SSLError` is one).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=ca_file)
    return context


def connector(ca_file: Path, limit: int) -> aiohttp.TCPConnector:
    """Kept-alive TLS connections that end when the other side's machine does, not only when its process does."""
    return aiohttp.TCPConnector(ssl=trusting(ca_file), limit=limit, keepalive_timeout=60, socket_factory=_lively)


def _lively(address: AddrInfoType) -> socket.socket:
    """A socket that finds out within about 20 s that nobody is there any more, also while it only waits."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 15_000)):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


class _Generation:
    """Connections made under one CA, and how many requests use them."""

    def __init__(self, ca_file: Path, limit: int) -> None:
        self.session = aiohttp.ClientSession(
            connector=connector(ca_file, limit=limit), cookie_jar=aiohttp.DummyCookieJar()
        )
        self.users = 0
        self.retired = False


class TrustedHttp:
    """Kept-alive connections under the CA of a file. When that is renewed, requests under way end under the old one."""

    def __init__(self, ca_file: Path, limit: int) -> None:
        self._path = ca_file
        self._file = FreshFile(ca_file)
        self._limit = limit
        self._ca = b""
        self._current: _Generation | None = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """The client for one request, or for as long as an answer is read.

        Raises:
            OSError: there is no CA that can be used, and there was none before.
        """
        generation = await self._generation()
        generation.users += 1
        try:
            yield generation.session
        finally:
            generation.users -= 1
            if generation.retired and not generation.users:
                await generation.session.close()

    async def close(self) -> None:
        """End every connection, those in use too."""
        if self._current is not None:
            current, self._current = self._current, None
            await current.session.close()

    async def _generation(self) -> _Generation:
        old = self._current
        try:
            ca = self._file.read()
            if old is not None and ca == self._ca:
                return old
            made = _Generation(self._path, self._limit)
        except OSError:
            # Whoever renews the file may be in the middle of it.
            if old is None:
                raise
            return old
        self._current, self._ca = made, ca
        if old is not None:
            old.retired = True
            if not old.users:
                await old.session.close()
        return made
