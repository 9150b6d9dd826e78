"""Who calls, on which site and in which version; and what came along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipes_sandbox.call import Call
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.tokens import ProviderToken, TokenBook

from . import errors
from .site import Person, Site


@dataclass(frozen=True, slots=True)
class Caller:
    person: Person
    token: ProviderToken
    version: int = 3
    """Of the API: 2 or 3."""
    base: str = ""
    """What links of answers begin with: where the caller has sent its request."""

    def demand(self, scope: str) -> None:
        """Raises RefusalError, as the gateway before Jira, unless the connection has the scope."""
        if scope not in self.token.scopes:
            raise errors.at_gateway(401, "Unauthorized; scope does not match")


class Callers:
    def __init__(self, tokens: TokenBook, environment: Environment, site: Site) -> None:
        self._tokens = tokens
        self._environment = environment
        self._site = site

    def of(self, call: Call) -> Caller:
        token = self._tokens.live(call.bearer(), "atlassian")
        account = self._environment.accounts.get(token.account_id) if token is not None else None
        person = self._site.person_of(str(account.account_identifier)) if account is not None else None
        if token is None or person is None:
            raise errors.at_gateway(401, "Unauthorized")
        return Caller(person, token)

    def on_site(self, call: Call, scope: str) -> Caller:
        """The caller, if the path names the site of its connection and the scope is there."""
        caller = self.of(call)
        if {call.parameters["cloud"], caller.token.tenant} != {self._site.cloud_id}:
            raise errors.at_gateway(404, "Not Found")
        if call.parameters["version"] not in ("2", "3"):
            raise errors.at_gateway(404, "Not Found")
        caller.demand(scope)
        origin = f"https://{call.host}" if call.host else str(call.request.url.origin())
        version = int(call.parameters["version"])
        base = f"{origin}/ex/jira/{self._site.cloud_id}/rest/api/{version}"
        return Caller(caller.person, caller.token, version, base)


def document_of(call: Call) -> dict[str, Any]:
    try:
        body = call.json()
    except ValueError:
        raise errors.refused(400, "There was an error parsing JSON. Check that your request body is valid.") from None
    if not isinstance(body, dict):
        raise errors.refused(400, "Invalid request payload.")
    return body


def number_of(call: Call, name: str, default: int) -> int:
    text = call.query(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise errors.at_gateway(404, "Not Found")
    return int(text)
