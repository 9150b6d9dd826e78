"""Calls through Pipes' relay (early access): WorkOS adds the provider's credential, which never comes here.

`<METHOD> /relay/{slug}/{path}` with the WorkOS API key, and headers that name the person. `X-Relay-Upstream-Status` is
on every answer that is the provider's; one without it is the relay's own.

Nothing says which account the relay will use, so the connection is looked at first, and no longer than `FRESH_SECONDS`
before. An account of several, or one that an organization owns, cannot be named to the relay, and is refused.
"""

import asyncio
import time
from urllib.parse import quote

import msgspec
from yarl import URL

from pipes_api.resources import Connection, ConnectionOwner

from ..mapping.build import Outgoing
from ..problems import ProviderFailed, Refused
from ..transport.answers import Answer
from ..transport.client import NoAnswer, Transport
from .pipes import Pipes, Vended
from .refusals import RECONNECT, relay_refusal, unavailable

UPSTREAM_STATUS = "X-Relay-Upstream-Status"
LARGEST_BODY = 5 * 1024 * 1024
ANSWER_SECONDS = 35.0
"""The relay gives the provider 30 s."""
FRESH_SECONDS = 10.0
CONNECTED = "connected"


class Relay:
    """The relay of one WorkOS environment."""

    def __init__(self, workos_url: str, pipes: Pipes, transport: Transport) -> None:
        self._host = URL(workos_url).host or ""
        self._pipes = pipes
        self._transport = transport

    async def look(self, provider: str, connection: Connection, account: str) -> Vended:
        """What is known of the connection, with no credential in it, once it is exactly the account that was approved.

        Raises:
            Refused: it is another, it is not connected, or the relay could not be told which it is.
        """
        if connection.owner is ConnectionOwner.ORGANIZATION or connection.connected_account_id is not None:
            problem = "the relay cannot be told which account is meant, only whose; a person must use credential Token"
            raise unavailable(provider, problem)
        connected = await self._pipes.account(provider, connection)
        if account and connected.id != account:
            raise unavailable(provider, "another account is connected now than the one that was approved")
        if connected.state != CONNECTED:
            raise unavailable(provider, "the account must be connected again", remedy=RECONNECT)
        return Vended(
            value="",
            auth_method=connected.auth_method,
            expires_at=time.time() + FRESH_SECONDS,
            scopes=tuple(connected.scopes or ()),
            missing_scopes=(),
            config=connected.config or {},
            metadata={},
        )

    def door(self, provider: str, connection: Connection) -> "RelayDoor":
        """The way to that provider for that person."""
        return RelayDoor(self, provider, connection)

    async def send(self, provider: str, connection: Connection, outgoing: Outgoing) -> Answer:
        """The provider's answer to the request.

        Raises:
            Refused: the relay's own no: nothing has reached the provider.
            NoAnswer: the provider may have received it, and no answer of its came.
            NotSent, AnswerUnreadable: as `Transport.send`.
            ProviderFailed: the body is larger than the relay takes.
        """
        if outgoing.body is not None and len(outgoing.body) > LARGEST_BODY:
            raise ProviderFailed(f"The request has more than {LARGEST_BODY:,} bytes, which Pipes' relay does not take.")
        headers = {
            **_told_to_the_provider(outgoing.headers),
            "Authorization": self._pipes.bearer(provider),
            "X-Relay-User": connection.user_id,
        }
        if connection.organization_id is not None:
            headers["X-Relay-Organization"] = connection.organization_id
        target = f"/relay/{quote(provider, safe='')}{outgoing.target}"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._transport.send(
                    self._host, Outgoing(outgoing.method, target, headers, outgoing.body)
                )
        except TimeoutError:
            raise NoAnswer("Pipes' relay said nothing for too long") from None
        told = answer.headers.get(UPSTREAM_STATUS)
        if told is None:
            raise _refusal(provider, answer)
        if told != str(answer.status):
            raise NoAnswer("Pipes' relay answered what cannot be understood")
        return answer


def _told_to_the_provider(headers: dict[str, str]) -> dict[str, str]:
    """Without any that the relay itself would take for our word on whose connection is meant, in whatever letters."""
    ours = ("x-relay-", "x-workos-", "authorization")
    return {name: text for name, text in headers.items() if not name.lower().startswith(ours)}


class RelayDoor:
    """How a `Sender` reaches the provider of one call, in place of a host and a credential."""

    def __init__(self, relay: Relay, provider: str, connection: Connection) -> None:
        self._relay = relay
        self._provider = provider
        self._connection = connection

    async def send(self, outgoing: Outgoing) -> Answer:
        """As `Relay.send`."""
        return await self._relay.send(self._provider, self._connection, outgoing)


class _Error(msgspec.Struct, frozen=True):
    code: str = ""


def _refusal(provider: str, answer: Answer) -> Refused | NoAnswer:
    try:
        code = msgspec.json.decode(answer.body, type=_Error).code
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        code = ""
    if code == "relay_upstream_error" or (not code and answer.status in (502, 504)):
        return NoAnswer("Pipes' relay got no answer from it")
    return relay_refusal(provider, answer, code)


def without_credential(headers: dict[str, str]) -> dict[str, str]:
    """Headers of a catalog that say how a credential is shown, without those that would show it."""
    return {name: text for name, text in headers.items() if "{credential}" not in text}
