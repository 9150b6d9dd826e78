"""Asks WorkOS Pipes about one connection: `GET …/connected_accounts/{slug}`.

Plain aiohttp: the answer decides about access, so unknown words, odd shapes and
oversized bodies must end as "not connected", which a client library that models
the answers does not promise. The key is read from its file for each request and
is never part of a message.
"""

import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from pipes_api import names
from pipes_api.resources import ConnectedAccount, Connection, ConnectionOwner
from pipes_operator.decisions.reports import Report, Word

logger = logging.getLogger(__name__)

_LARGEST = 1 << 20
_STATES = {
    "connected": (Word.CONNECTED, ""),
    "needs_reauthorization": (
        Word.NEEDS_REAUTHORIZATION,
        "The connection must be authorized again by its owner, in the application that uses Pipes.",
    ),
    "disconnected": (Word.DISCONNECTED, "The owner has disconnected the account; it must be connected again."),
}


class PipesUnavailable(Exception):  # noqa: N818 - reads as what happened
    """No usable answer. `retry_after` in seconds when Pipes said it."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Pipes:
    """One WorkOS environment, or the sandbox in its place: while that is set nothing else is dialled."""

    def __init__(self, url: str, key_file: Path | None, sandbox: str | None, *, seconds: float = 10.0) -> None:
        self._key_file = key_file
        self._base = (sandbox or url).rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "pipes-operator"}
        if sandbox is not None:
            self._headers[names.SANDBOX_HOST_HEADER] = urlsplit(url).netloc
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=seconds, connect=5.0)
        )

    async def close(self) -> None:
        await self._http.close()

    async def look(self, provider: str, connection: Connection) -> Report:
        """What Pipes says of the connection now.

        Raises:
            PipesUnavailable: it said nothing usable: time-out, 429, 5xx, or no JSON.
        """
        if connection.owner is ConnectionOwner.ORGANIZATION:
            owner = f"/organizations/{quote(connection.organization_id or '', safe='')}"
            query = {}
        else:
            owner = f"/user_management/users/{quote(connection.user_id, safe='')}"
            query = {"organization_id": connection.organization_id} if connection.organization_id else {}
        if connection.connected_account_id is not None:
            query |= {"connected_account_id": connection.connected_account_id, "supports_multiple_connections": "true"}
        path = f"{owner}/connected_accounts/{quote(provider, safe='')}"
        status, body = await self._get(path, query)
        if status == 200:
            return _account(body)
        if status == 404:
            return await self._why_not(owner, query, provider)
        return _refused(status, body)

    async def _why_not(self, owner: str, query: dict[str, str], provider: str) -> Report:
        """A 404 says the same for a provider that is not set up as for an account that was never connected."""
        query = {key: value for key, value in query.items() if key != "connected_account_id"}
        status, body = await self._get(f"{owner}/data_providers", query)
        listed = body.get("data") if status == 200 and isinstance(body, dict) else None
        if isinstance(listed, list) and not any(
            isinstance(each, dict) and each.get("slug") == provider for each in listed
        ):
            message = f"Pipes knows no provider {provider} in this environment, or not the user or organization."
            return Report(Word.UNKNOWN_PROVIDER, message)
        return Report(Word.NOT_CONNECTED, f"The owner has not connected {provider} in Pipes.")

    async def _get(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        headers = dict(self._headers)
        key = self._key()
        if key:
            headers["Authorization"] = f"Bearer {key}"
        try:
            async with self._http.get(
                self._base + path, params=query, headers=headers, allow_redirects=False
            ) as answer:
                raw = await _bounded(answer)
                status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError:
            raise PipesUnavailable("Pipes did not answer in time.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise PipesUnavailable(f"Pipes cannot be reached: {type(error).__name__}.") from None
        if status == 429 or status >= 500:
            wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
            raise PipesUnavailable(f"Pipes answered {status}.", wait)
        try:
            body = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            body = None
        if status == 200 and not isinstance(body, dict):
            raise PipesUnavailable("Pipes answered with something that is no JSON object.")
        return status, body

    def _key(self) -> str:
        if self._key_file is None:
            return ""
        try:
            return self._key_file.read_text().strip()
        except OSError as error:
            raise PipesUnavailable(f"the WorkOS key file cannot be read: {error.strerror}.") from None


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    """The body, or nothing of one that is too large."""
    raw = bytearray()
    async for chunk in answer.content.iter_any():
        raw += chunk
        if len(raw) > _LARGEST:
            answer.close()
            return b""
    return bytes(raw)


def _account(body: Any) -> Report:
    state, identifier = body.get("state"), body.get("id")
    if not isinstance(identifier, str) or not identifier:
        raise PipesUnavailable("Pipes answered without the id of the account.")
    word, message = _STATES.get(
        str(state), (Word.UNKNOWN_STATE, f"Pipes says {str(state)[:60]!r}, which this version does not know.")
    )
    scopes = body.get("scopes")
    oauth = body.get("auth_method", "oauth") == "oauth"
    # An empty list says as little as none: Pipes gives it where the provider told no scopes.
    named = oauth and isinstance(scopes, list) and bool(scopes)
    return Report(
        word,
        message,
        ConnectedAccount(
            id=identifier,
            display_name=_text(body, "account_display_name") or _text(body, "account_identifier"),
            state=str(state),
        ),
        user_id=_text(body, "user_id") or None,
        organization_id=_text(body, "organization_id") or None,
        scopes=tuple(str(each) for each in scopes) if named and isinstance(scopes, list) else None,
    )


def _refused(status: int, body: Any) -> Report:
    code = body.get("code") if isinstance(body, dict) else None
    if status == 409 or code == "account_selection_required":
        message = "Several accounts match: name one in spec.connection.connectedAccountId (a new ProviderBinding)."
        return Report(Word.SELECTION_REQUIRED, message)
    if status in (401, 403):
        message = "Pipes refuses the WorkOS API key: check the operator's key file and the environment of the key."
        return Report(Word.KEY_REFUSED, message)
    return Report(Word.UNKNOWN_STATE, f"Pipes answered {status}{f' ({code})' if isinstance(code, str) else ''}."[:200])


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""
