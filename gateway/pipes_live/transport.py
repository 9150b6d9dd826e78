"""HTTPS to the session service: one trusted CA, the projected token of now, time limits, no redirects."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import AddrInfoType

from pipes_api.messages import Failure
from pipes_api.reasons import RequestRefusal

from .errors import Refused, Unreachable
from .files import FreshFile
from .settings import ServiceSettings

MAXIMUM_ANSWER = 4 << 20


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


class Transport:
    def __init__(self, settings: ServiceSettings) -> None:
        if not settings.url.startswith("https://"):
            raise ValueError(f"the session service must be an https URL, not {settings.url!r}")
        self._settings = settings
        self._url = settings.url.rstrip("/")
        self._token_file = FreshFile(settings.token_file)
        self._ca_file = FreshFile(settings.ca_file)
        self._session: aiohttp.ClientSession | None = None
        self._ca = b""

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get(self, path: str) -> bytes:
        return await self._request("GET", path, None)

    async def post(self, path: str, body: bytes) -> bytes:
        return await self._request("POST", path, body)

    @asynccontextmanager
    async def stream(self, path: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer of a GET that does not end by itself; only its beginning has a time limit.

        Raises:
            Refused, Unreachable
        """
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._settings.request_seconds)
        try:
            async with asyncio.timeout(self._settings.request_seconds):
                session = await self._open()
                response = await session.get(
                    self._url + path, headers=self._headers(), timeout=timeout, allow_redirects=False
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error
        try:
            await _raise_for_failure(response)
            yield response
        finally:
            response.close()

    async def _request(self, method: str, path: str, body: bytes | None) -> bytes:
        timeout = aiohttp.ClientTimeout(total=self._settings.request_seconds)
        try:
            session = await self._open()
            async with session.request(
                method, self._url + path, data=body, headers=self._headers(), timeout=timeout, allow_redirects=False
            ) as response:
                await _raise_for_failure(response)
                return await _bounded(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

    async def _open(self) -> aiohttp.ClientSession:
        # The CA file is renewed when the operator's CA is; what was made under the old one is made anew.
        ca = self._ca_file.read()
        if self._session is None or self._session.closed or ca != self._ca:
            await self.close()
            made = connector(self._settings.ca_file, limit=32)
            self._session = aiohttp.ClientSession(connector=made, cookie_jar=aiohttp.DummyCookieJar())
            self._ca = ca
        return self._session

    def _headers(self) -> dict[str, str]:
        return {"Authorization": self._token_file.bearer(), "Content-Type": "application/json"}

    def _unreachable(self, error: BaseException) -> Unreachable:
        if isinstance(error, TimeoutError):
            return Unreachable(f"{self._url} did not answer in {self._settings.request_seconds:g} s")
        return Unreachable(f"{self._url}: {error}")


async def _raise_for_failure(response: aiohttp.ClientResponse) -> None:
    if 200 <= response.status < 300:
        return
    body = await _bounded(response)
    try:
        failure = msgspec.json.decode(body, type=Failure)
    except (msgspec.DecodeError, msgspec.ValidationError):
        failure = Failure(reason=RequestRefusal.UNAVAILABLE, message=f"the answer was HTTP {response.status}")
    raise Refused(failure, response.status)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAXIMUM_ANSWER:
            raise Unreachable(f"the answer is larger than {MAXIMUM_ANSWER} bytes")
    return bytes(body)
