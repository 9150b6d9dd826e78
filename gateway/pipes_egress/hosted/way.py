"""One caller's way to a hosted server: checked before everything that is sent, with the credential of now."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from pipes_api.reasons import Reason
from pipes_catalog.remote import Address
from pipes_policy import remedies
from pipes_policy.call import Denial

from ..credentials.cache import CredentialCache, Key
from ..credentials.pipes import Vended, unavailable
from ..credentials.withholding import without
from ..mapping.build import Outgoing
from ..problems import ProviderFailed, Refused
from ..transport.answers import AnswerUnreadable
from ..transport.client import Arriving, NoAnswer, NotSent, Transport
from .problems import HttpRefused

log = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_REFUSAL = 64 * 1024
ASIDE_SECONDS = 10.0
"""How long a message may take that nobody waits for."""

Told = Callable[[str], Awaitable[None]]


@dataclass(kw_only=True, slots=True)
class Way:
    """`holder` is the session, or the binding whose tools are read, for whom the credential is held.

    `keep` is given tasks that outlive the caller; `limit` are bytes of one answer. `sent` says whether the call itself,
    not only what prepares it, has left.
    """

    transport: Transport
    cache: CredentialCache
    key: Key
    holder: str
    address: Address
    title: str
    credential: Vended
    check: Callable[[], Denial | None]
    keep: Callable[["asyncio.Task[None]"], None]
    limit: int
    told: Told | None = None
    traceparent: str = ""
    sent: bool = False
    declined: int = 0
    """Requests of the server that were answered so far."""
    _renewed: bool = field(default=False)

    async def post(
        self,
        headers: dict[str, str],
        message: dict[str, Any],
        read: Callable[[Arriving], Awaitable[T]],
        *,
        counts: bool = False,
    ) -> T:
        """Send one message and read its answer. `counts`: this is the call itself.

        Raises:
            Refused: the policy chain, or the connection, forbids it now.
            NoAnswer: it may have been received, and no answer came.
            HttpRefused: the server said no, and not because of the credential.
            ProviderFailed: the server cannot be reached, or its answer cannot be read.
        """
        return await self._tried("POST", headers, msgspec.json.encode(message), read, counts)

    async def resume(self, headers: dict[str, str], read: Callable[[Arriving], Awaitable[T]]) -> T:
        """Take a stream up again (2025-11-25, Streamable HTTP, Resumability); raises as `post`."""
        return await self._tried("GET", headers, None, read, False)

    def aside(self, headers: dict[str, str], message: dict[str, Any]) -> None:
        """Send a message that nobody waits for and no policy is asked about: it ends or declines, and does nothing."""
        outgoing = Outgoing("POST", self.address.target, {**headers, **self._bearer()}, msgspec.json.encode(message))
        self.keep(asyncio.create_task(self._aside(outgoing)))

    def scrubbed(self, data: bytes) -> bytes:
        """Nothing that a server echoes may hand the credential to the agent."""
        return without(self.credential.value, data)

    async def _tried(
        self,
        method: str,
        headers: dict[str, str],
        body: bytes | None,
        read: Callable[[Arriving], Awaitable[T]],
        counts: bool,
    ) -> T:
        again = True
        while True:
            denial = self.check()
            if denial is not None:
                raise Refused(denial)
            self.sent = self.sent or counts
            outgoing = Outgoing(method, self.address.target, {**headers, **self._bearer()}, body)
            try:
                return await self._once(outgoing, read)
            except NotSent as error:
                if not again:
                    problem = f"{self.title}'s MCP server cannot be reached: {error}. Try again later."
                    raise ProviderFailed(problem) from None
                again = False
            except AnswerUnreadable as error:
                raise ProviderFailed(f"{self.title}'s MCP server: {error}. Ask for less at once.") from None
            except HttpRefused as refusal:
                if not refusal.refuses_credential:
                    raise
                await self._renew(refusal)

    async def _once(self, outgoing: Outgoing, read: Callable[[Arriving], Awaitable[T]]) -> T:
        async with self.transport.arriving(self.address.authority, outgoing, self.limit) as answer:
            if not 200 <= answer.status < 300:
                raise HttpRefused(answer.status, answer.headers, self.scrubbed(await _beginning(answer)))
            return await read(answer)

    async def _renew(self, refusal: HttpRefused) -> None:
        """A credential that is refused is replaced once; a second refusal is final, and the connection's, not ours."""
        self.cache.refuse(self.key, self.credential)
        if self._renewed:
            raise Refused(self._final(refusal))
        self._renewed = True
        self.credential = await self.cache.get(self.key, self.holder)

    def _final(self, refusal: HttpRefused) -> Denial:
        if refusal.lacks_scope:
            lacking = f" {', '.join(refusal.scopes)}" if refusal.scopes else ""
            message = f"{self.title}'s MCP server says that the connection lacks the scope{lacking} (status 403)"
            return Denial(reason=Reason.SCOPE_MISSING, message=message, remedy=remedies.RECONNECT)
        problem = "its MCP server does not accept the connection's credential (status 401); "
        return unavailable(self.title, problem + "the account may have to be connected again").denial

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credential.value}"}

    async def _aside(self, outgoing: Outgoing) -> None:
        try:
            async with asyncio.timeout(ASIDE_SECONDS):
                async with self.transport.arriving(self.address.authority, outgoing, LONGEST_REFUSAL):
                    pass
        except (NotSent, NoAnswer, AnswerUnreadable, TimeoutError) as error:
            log.info("a message to %s was not delivered: %s", self.address.authority, type(error).__name__)


async def _beginning(answer: Arriving) -> bytes:
    """As much of a refusal as its error can be in."""
    body = bytearray()
    try:
        async for chunk in answer.chunks:
            body += chunk
            if len(body) > LONGEST_REFUSAL:
                break
    except AnswerUnreadable:
        return b""
    return bytes(body)
