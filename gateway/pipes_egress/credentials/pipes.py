"""Vending from WorkOS Pipes: `POST /data-integrations/{slug}/credentials`.

Plain HTTP rather than the WorkOS SDK: this is asynchronous, shares egress's
bounded transport, and reaches the sandbox by a header. `/credentials` rather
than `/token`, since it answers for every authentication method and carries the
values a tenant's host is made of.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from yarl import URL

from pipes_api.resources import Connection, ConnectionOwner

from ..mapping.build import Outgoing
from ..settings import EgressSettings
from ..transport.answers import Answer, AnswerUnreadable
from ..transport.client import NoAnswer, NotSent, Transport
from .refusals import failed, inactive
from .refusals import unavailable as unavailable

log = logging.getLogger(__name__)

LONGEST_ANSWER = 256 * 1024


@dataclass(frozen=True, slots=True)
class Vended:
    """A credential and what is needed to use it. `expires_at` is Unix time; None: Pipes does not say."""

    value: str = field(repr=False)
    auth_method: str
    expires_at: float | None
    scopes: tuple[str, ...]
    missing_scopes: tuple[str, ...]
    config: dict[str, Any]
    metadata: dict[str, Any]


class _Credential(msgspec.Struct, frozen=True):
    value: str
    auth_method: str
    expires_at: str | None = None
    scopes: list[str] | None = None
    missing_scopes: list[str] | None = None
    config: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class _Answer(msgspec.Struct, frozen=True):
    active: bool
    credential: _Credential | None = None
    error: str | None = None


class Account(msgspec.Struct, frozen=True):
    """A connected account, as far as it matters here."""

    id: str
    state: str = ""
    auth_method: str = "oauth"
    scopes: list[str] | None = None
    config: dict[str, Any] | None = None


class Pipes:
    """One WorkOS environment, asked with the API key of a file."""

    def __init__(self, settings: EgressSettings, transport: Transport) -> None:
        self._settings = settings
        self._transport = transport
        self._host = URL(settings.workos_url).host or ""

    async def vend(self, provider: str, connection: Connection, account: str) -> Vended:
        """A credential of exactly the account that was approved.

        Raises:
            Refused: there is none, and what a person can do about it.
        """
        _must_name_somebody(provider, connection)
        if not account:
            raise unavailable(provider, "the grant does not say which account was approved")
        try:
            async with asyncio.timeout(self._settings.vend_seconds):
                vended = await self._credential(provider, connection)
                # Pipes does not say whose credential it vends. Whoever is connected afterwards was so by then: looked
                # at before, or beside it, the account could be exchanged in between.
                connected = await self._account(provider, connection)
        except TimeoutError:
            raise unavailable(provider, "Pipes does not answer in time", retry=True) from None
        if connected.id != account:
            raise unavailable(provider, "another account is connected now than the one that was approved")
        return vended

    async def account(self, provider: str, connection: Connection) -> Account:
        """The account that is connected now.

        Raises:
            Refused: there is none, and what a person can do about it.
        """
        _must_name_somebody(provider, connection)
        try:
            async with asyncio.timeout(self._settings.vend_seconds):
                return await self._account(provider, connection)
        except TimeoutError:
            raise unavailable(provider, "Pipes does not answer in time", retry=True) from None

    def bearer(self, provider: str) -> str:
        """The value of an Authorization header for WorkOS, and for nobody else.

        Raises:
            Refused: there is no key.
        """
        return f"Bearer {self._key(provider)}"

    async def _credential(self, provider: str, connection: Connection) -> Vended:
        body: dict[str, Any] = {"user_id": connection.user_id}
        if connection.organization_id is not None:
            body["organization_id"] = connection.organization_id
        if connection.owner is ConnectionOwner.ORGANIZATION:
            body["connection_owner"] = "organization"
        if connection.connected_account_id is not None:
            body |= {"connected_account_id": connection.connected_account_id, "supports_multiple_connections": True}
        target = f"/data-integrations/{quote(provider, safe='')}/credentials"
        answer = await self._send(provider, "POST", target, body)
        read = _read(provider, answer, _Answer)
        if not read.active:
            raise inactive(provider, read.error)
        if read.credential is None or not read.credential.value:
            raise unavailable(provider, "Pipes answered without a credential", retry=True)
        return _vended(provider, read.credential)

    async def _account(self, provider: str, connection: Connection) -> Account:
        slug = quote(provider, safe="")
        query = {}
        if connection.owner is ConnectionOwner.ORGANIZATION:
            target = f"/organizations/{quote(connection.organization_id or '', safe='')}/connected_accounts/{slug}"
        else:
            target = f"/user_management/users/{quote(connection.user_id, safe='')}/connected_accounts/{slug}"
            if connection.organization_id is not None:
                query["organization_id"] = connection.organization_id
        if connection.connected_account_id is not None:
            query |= {"connected_account_id": connection.connected_account_id, "supports_multiple_connections": "true"}
        text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        answer = await self._send(provider, "GET", target + (f"?{text}" if text else ""), None)
        return _read(provider, answer, Account)

    async def _send(self, provider: str, method: str, target: str, body: dict[str, Any] | None) -> Answer:
        headers = {"Authorization": self.bearer(provider), "Accept": "application/json"}
        payload = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            payload = msgspec.json.encode(body)
        try:
            return await self._transport.send(self._host, Outgoing(method, target, headers, payload), LONGEST_ANSWER)
        except (NotSent, NoAnswer) as error:
            raise unavailable(provider, f"Pipes does not answer: {error}", retry=True) from None
        except AnswerUnreadable as error:
            raise unavailable(provider, f"Pipes cannot be understood: {error}", retry=True) from None

    def _key(self, provider: str) -> str:
        path = self._settings.workos_key_file
        try:
            key = path.read_text().strip() if path is not None else ""
        except (OSError, UnicodeDecodeError) as error:
            log.error("cannot read the WorkOS API key from %s: %s", path, getattr(error, "strerror", "not text"))
            key = ""
        if not key or not key.isascii() or not key.isprintable():
            raise unavailable(provider, "there is no WorkOS API key to ask Pipes with")
        return key


def _must_name_somebody(provider: str, connection: Connection) -> None:
    if not connection.user_id:
        raise unavailable(provider, "nobody is named whose connection it is")


_T = TypeVar("_T")


def _read(provider: str, answer: Answer, kind: type[_T]) -> _T:
    if answer.status == 200:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
            # The decoder's message may quote the body, and the body may hold a token: neither is passed on.
            raise unavailable(provider, "Pipes answered what cannot be read", retry=True) from None
    raise failed(provider, answer)


def _vended(provider: str, credential: _Credential) -> Vended:
    expires_at = None
    if credential.expires_at is not None:
        try:
            expires_at = _timestamp(credential.expires_at)
        except ValueError:
            raise unavailable(provider, "Pipes answered what cannot be read", retry=True) from None
    if not credential.value.isascii() or not credential.value.isprintable() or " " in credential.value:
        raise unavailable(provider, "the credential from Pipes cannot be sent in a header")
    return Vended(
        value=credential.value,
        auth_method=credential.auth_method,
        expires_at=expires_at,
        scopes=tuple(credential.scopes or ()),
        missing_scopes=tuple(credential.missing_scopes or ()),
        config=credential.config or {},
        metadata=credential.metadata or {},
    )


def _timestamp(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
