"""HTTPS to the session service: one trusted CA, the projected token of now, time limits, no redirects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import msgspec

from pipes_api.messages import Failure
from pipes_api.reasons import RequestRefusal

from .errors import Refused, Unreachable
from .files import FreshFile
from .settings import ServiceSettings
from .trusted import TrustedHttp

MAXIMUM_ANSWER = 4 << 20


class Transport:
    def __init__(self, settings: ServiceSettings) -> None:
        if not settings.url.startswith("https://"):
            raise ValueError(f"the session service must be an https URL, not {settings.url!r}")
        self._settings = settings
        self._url = settings.url.rstrip("/")
        self._token_file = FreshFile(settings.token_file)
        self._http = TrustedHttp(settings.ca_file, limit=32)

    async def close(self) -> None:
        await self._http.close()

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
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._settings.request_seconds):
                    session = await stack.enter_async_context(self._http.session())
                    response = await session.get(
                        self._url + path, headers=self._headers(), timeout=timeout, allow_redirects=False
                    )
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self._unreachable(error) from error
            stack.callback(response.close)
            await _raise_for_failure(response)
            yield response

    async def _request(self, method: str, path: str, body: bytes | None) -> bytes:
        timeout = aiohttp.ClientTimeout(total=self._settings.request_seconds)
        try:
            async with (
                self._http.session() as session,
                session.request(
                    method, self._url + path, data=body, headers=self._headers(), timeout=timeout, allow_redirects=False
                ) as response,
            ):
                await _raise_for_failure(response)
                return await _bounded(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error

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
