"""The broker: egress as a service of its own, so that no provider credential enters the agent's pod.

`POST /v1/call` answers with JSON lines: any number of
`{"progress": {"progress": number, "message": text}}`, then one `{"result": ToolResult}`.
"""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from pipes_api.messages import BrokerCall, encode
from pipes_api.names import SESSION_TOKEN_HEADER
from pipes_api.reasons import Reason
from pipes_egress.call import ToolResult
from pipes_live.files import FreshFile
from pipes_live.reading import Lines, LineTooLong
from pipes_live.trusted import TrustedHttp
from pipes_live.view import LiveView
from pipes_policy import remedies
from pipes_policy.call import Call, Denial

from . import Dispatched, Outcome
from .answers import outcome_of

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0


class _Unusable(Exception):  # noqa: N818 - reads as what happened
    """The broker's answer, or its absence, in a sentence."""


class BrokerDispatch:
    """Sends calls to the broker over kept-alive TLS connections. Closing the request cancels the call there."""

    counts_usage = True

    def __init__(self, url: str, ca_file: Path, token_file: Path, view: LiveView) -> None:
        if not url.startswith("https://"):
            raise ValueError(f"the broker must be an https URL, not {url!r}")
        self._url = url.rstrip("/") + "/v1/call"
        self._http = TrustedHttp(ca_file, limit=128)
        self._token_file = FreshFile(token_file)
        self._view = view

    async def execute(self, dispatched: Dispatched) -> Outcome:
        try:
            return outcome_of(await self._ask(dispatched))
        except _Unusable as error:
            log.warning("%s: %.300s", error, error.__cause__ or "")
            session = dispatched.call.session
            name = session.name if session is not None else ""
            return Outcome(
                {}, Denial(reason=Reason.OPERATOR_UNAVAILABLE, message=str(error), remedy=remedies.RETRY, session=name)
            )

    async def close(self) -> None:
        await self._http.close()

    async def _ask(self, dispatched: Dispatched) -> ToolResult:
        call = dispatched.call
        body = encode(
            BrokerCall(
                binding=call.binding.name if call.binding is not None else "",
                tool=call.tool,
                arguments=dispatched.arguments,
                traceparent=dispatched.traceparent,
                session=_named(call),
            )
        )
        # How long the answer may take is for the gateway's own time limit to say.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        try:
            async with (
                self._http.session() as session,
                session.post(
                    self._url, data=body, headers=self._headers(call), timeout=timeout, allow_redirects=False
                ) as response,
            ):
                if response.status != 200:
                    raise _Unusable(f"the broker refused the call with HTTP {response.status}")
                return await self._read(response, dispatched)
        except TimeoutError as error:
            raise _Unusable("the broker does not answer in time") from error
        except (aiohttp.ClientError, OSError, LineTooLong) as error:
            raise _Unusable("the broker cannot be reached") from error

    async def _read(self, response: aiohttp.ClientResponse, dispatched: Dispatched) -> ToolResult:
        async for line in _lines(response):
            try:
                data: dict[str, Any] = msgspec.json.decode(line)
                if "result" in data:
                    return msgspec.convert(data["result"], ToolResult)
                progress = data.get("progress")
                if progress and dispatched.progress is not None:
                    dispatched.progress(progress["progress"], None, progress.get("message", ""))
            except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError, AttributeError):
                raise _Unusable("the broker's answer cannot be read") from None
        raise _Unusable("the broker's answer is incomplete")

    def _headers(self, call: Call) -> dict[str, str]:
        token = self._view.token(call.session.uid) if call.session is not None else None
        return {
            "Authorization": self._token_file.bearer(),
            SESSION_TOKEN_HEADER: token or "",
            "Content-Type": "application/json",
        }


def _named(call: Call) -> str:
    """Said only where several sessions may cover the binding, and a broker of any age need not ask."""
    if call.session is None or call.binding is None or not call.binding.from_session:
        return ""
    return call.session.name


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    lines = Lines()
    async for chunk in response.content.iter_any():
        for line in lines.feed(chunk):
            yield line
    for line in lines.feed(b"\n"):
        yield line
