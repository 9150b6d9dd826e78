"""The HTTP client of egress: one pool, to providers or to the sandbox."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from pipes_api.names import SANDBOX_HOST_HEADER

from ..mapping.build import Outgoing
from ..settings import EgressSettings
from .addresses import AddressGuard, GuardedResolver
from .answers import Answer, AnswerUnreadable, bounded, read_bounded

USER_AGENT = "pipes-mcp"
FINISH_SECONDS = 0.05
_CHUNK = 64 * 1024


class NotSent(Exception):  # noqa: N818 - reads as what happened
    """No connection: nothing of the request has left."""


class NoAnswer(Exception):  # noqa: N818 - reads as what happened
    """The request may have been received, and no answer came."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """An answer whose body is still on its way; `chunks` are decompressed."""

    status: int
    headers: CIMultiDictProxy[str]
    chunks: AsyncIterator[bytes]

    @property
    def content_type(self) -> str:
        """Media type without parameters, lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def finish(self) -> None:
        """All that matters has come: wait a moment for the end, so that the connection can be used again."""
        with suppress(TimeoutError, aiohttp.ClientError, ConnectionError, AnswerUnreadable):
            async with asyncio.timeout(FINISH_SECONDS):
                async for _ in self.chunks:
                    pass


class Transport:
    """Sends to one host at a time over https, or everything to the sandbox. An async context manager."""

    def __init__(self, settings: EgressSettings) -> None:
        self._settings = settings
        self._sandbox = URL(settings.sandbox) if settings.sandbox else None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "Transport":
        settings = self._settings
        guarded = GuardedResolver(AddressGuard(settings.allowed_addresses))
        connector = aiohttp.TCPConnector(
            limit=settings.connections,
            limit_per_host=settings.connections_per_host,
            # The sandbox is an operator's choice and may be anywhere; nothing else is dialled while it is set.
            resolver=None if self._sandbox is not None else guarded,
            ttl_dns_cache=10,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers={"User-Agent", "Accept-Encoding"},
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=settings.connect_seconds, sock_read=settings.silence_seconds
            ),
        )
        # A repetition is a send of its own, and every send is checked first: the client must not repeat by itself.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, host: str, outgoing: Outgoing, limit: int | None = None) -> Answer:
        """Send one request and read its whole answer. Redirects are answers like any other.

        Raises:
            NotSent, NoAnswer: see there.
            AnswerUnreadable: longer than `limit` bytes (of the settings, if None), or not encoded as it says.
        """
        async with self._requested(host, outgoing) as response:
            body = await self._body(response, limit or self._settings.answer_bytes)
            return Answer(response.status, response.headers, body)

    @asynccontextmanager
    async def arriving(self, host: str, outgoing: Outgoing, limit: int) -> AsyncIterator[Arriving]:
        """Send one request and give its answer while it arrives. Leaving before its end closes the connection.

        How long it may take in all is for the caller to say. Raises as `send`, within the block too.
        """
        async with self._requested(host, outgoing) as response:
            encoding = response.headers.get("Content-Encoding", "")
            yield Arriving(response.status, response.headers, bounded(_chunks(response), encoding, limit))

    @asynccontextmanager
    async def _requested(self, host: str, outgoing: Outgoing) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("the transport is used outside its context")
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **outgoing.headers}
        if self._sandbox is not None:
            headers[SANDBOX_HOST_HEADER] = host
        try:
            async with self._session.request(
                outgoing.method,
                self._url(host, outgoing.target),
                headers=headers,
                data=outgoing.body,
                allow_redirects=False,
            ) as response:
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(_reason(error)) from None
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            raise NoAnswer(_reason(error)) from None

    async def _body(self, response: aiohttp.ClientResponse, limit: int) -> bytes:
        encoding = response.headers.get("Content-Encoding", "")
        try:
            async with asyncio.timeout(self._settings.answer_seconds):
                return await read_bounded(_chunks(response), encoding, limit)
        except aiohttp.SocketTimeoutError:
            raise
        except TimeoutError:
            message = f"the answer did not end within {self._settings.answer_seconds:g} s"
            raise AnswerUnreadable(message) from None

    def _url(self, host: str, target: str) -> URL:
        if self._sandbox is None:
            return URL(f"https://{host}{target}", encoded=True)
        return URL(f"{self._sandbox.origin()}{target}", encoded=True)


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    while chunk := await response.content.read(_CHUNK):
        yield chunk


def _reason(error: BaseException) -> str:
    """What happened, without addresses or anything a peer has said."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate could not be verified"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name does not resolve to an address that may be dialled"
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return "no connection could be made"
    if isinstance(error, asyncio.TimeoutError):
        return "it said nothing for too long"
    return "the connection broke"
