"""How a hosted server says no, and what that means to an agent."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from multidict import CIMultiDictProxy

from ..problems import ProviderFailed
from ..transport.client import NoAnswer
from ..transport.retry_after import retry_after
from .protocol import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, UNSUPPORTED_VERSION

LONGEST_MESSAGE = 600
_SCOPES = re.compile(r'\bscope="([\x21\x23-\x5b\x5d-\x7e ]{1,1000})"')
"""RFC 6749 section 3.3, in a challenge of RFC 6750 section 3."""
_INSUFFICIENT = re.compile(r'\berror="?insufficient_scope\b')
_URL_NEEDED = -32042

UNKNOWN = "Whether it was done is not known; look before trying again, since trying again may do it twice."


class RpcError(Exception):
    """A JSON-RPC error. `message` is the server's, cleaned and bounded."""

    def __init__(self, error: Any) -> None:
        known = error if isinstance(error, Mapping) else {}
        code, message = known.get("code"), known.get("message")
        self.code = code if isinstance(code, int) else 0
        self.message = printable(message if isinstance(message, str) else "")
        super().__init__(self.message)

    @property
    def may_be_unknown_tool(self) -> bool:
        return self.code in (INVALID_PARAMS, METHOD_NOT_FOUND)


class HttpRefused(Exception):  # noqa: N818 - reads as what happened
    """Any status but 2xx, with the JSON-RPC error of its body, if it has one. Below 500 nothing was carried out."""

    def __init__(self, status: int, headers: CIMultiDictProxy[str], body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.headers = headers
        self.error = _error_in(body)

    @property
    def refuses_credential(self) -> bool:
        return self.status == 401 or self.lacks_scope

    @property
    def lacks_scope(self) -> bool:
        return self.status == 403 and any(map(_INSUFFICIENT.search, self._challenges()))

    @property
    def scopes(self) -> tuple[str, ...]:
        """What the challenge says is needed."""
        found = (match[1].split() for each in self._challenges() if (match := _SCOPES.search(each)))
        return tuple(dict.fromkeys(scope for scopes in found for scope in scopes))

    @property
    def is_of_another_era(self) -> bool:
        """What servers answer that do not know the request, its version, or the envelope it came in."""
        return 400 <= self.status < 500 and self.status not in (401, 403, 408, 429)

    @property
    def session_is_lost(self) -> bool:
        """404 as the specification has it; some servers say 400. Asked only of requests that named a session."""
        return self.status in (400, 404)

    @property
    def version_is_refused(self) -> bool:
        """Asked of requests of the stateless era: the server has become one that does not know them."""
        if self.error is None:
            return self.status in (404, 405)
        return self.error.code == UNSUPPORTED_VERSION or (
            self.status in (400, 404) and self.error.code in (INVALID_REQUEST, METHOD_NOT_FOUND)
        )

    def _challenges(self) -> list[str]:
        return self.headers.getall("WWW-Authenticate", [])


def failed(title: str, error: RpcError) -> ProviderFailed:
    """A JSON-RPC error as a sentence."""
    said = f": {error.message}" if error.message else ""
    if error.code == _URL_NEEDED:
        return ProviderFailed(
            f"{title}'s MCP server wants a person to open a page first, which cannot be done from here{said}. "
            "Tell the person you work for.",
            answered=True,
        )
    return ProviderFailed(f"{title}'s MCP server refused it (code {error.code}){said}", answered=True)


def unanswered(title: str, error: NoAnswer, *, maybe_done: bool) -> ProviderFailed:
    return ProviderFailed(
        f"{title}'s MCP server did not answer: {error}. {UNKNOWN if maybe_done else 'Try again later.'}"
    )


def refused(title: str, refusal: HttpRefused, *, maybe_done: bool = False) -> ProviderFailed:
    """A status as a sentence."""
    status, said = refusal.status, ""
    if refusal.error is not None and refusal.error.message:
        said = f": {refusal.error.message}"
    server = f"{title}'s MCP server"
    if 300 <= status < 400:
        # Where to is not said: a redirect may carry a secret, and is not followed with a credential.
        return ProviderFailed(f"{server} answered with a redirect, which is not followed")
    if status == 403:
        return ProviderFailed(f"the connected {title} account is not allowed to do this (status 403){said}")
    if status == 429 or status >= 500:
        wait = retry_after(refusal.headers)
        when = f"in {wait:.0f} s" if wait is not None else "later"
        what = "asks to slow down" if status == 429 else "is out of order"
        then = UNKNOWN if maybe_done and status >= 500 else f"Try again {when}."
        return ProviderFailed(f"{server} {what} (status {status}){said}. {then}")
    return ProviderFailed(f"{server} refused it (status {status}){said}")


def printable(text: str) -> str:
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def _error_in(body: bytes) -> RpcError | None:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(document, dict) and isinstance(document.get("error"), dict):
        return RpcError(document["error"])
    return None
