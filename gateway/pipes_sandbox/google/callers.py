"""Whose call it is, and whether the token's scopes reach for it."""

from __future__ import annotations

from dataclasses import dataclass

from pipes_sandbox.call import Call
from pipes_sandbox.google import errors
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.tokens import ProviderToken, TokenBook

PREFIX = "https://www.googleapis.com/auth/"


@dataclass(frozen=True, slots=True)
class Caller:
    email: str
    scopes: frozenset[str]
    """Without Google's prefix: `calendar.events`."""


class Callers:
    """Callers of one API; `service` is the name of its host, `package` begins the names of its methods."""

    def __init__(
        self,
        tokens: TokenBook,
        environment: Environment,
        provider: str,
        *,
        service: str,
        package: str,
        canonical: bool = False,
    ) -> None:
        self._tokens = tokens
        self._environment = environment
        self._provider = provider
        self._service = service
        self._package = package
        self._canonical = canonical

    def token(self, call: Call) -> ProviderToken:
        """Raises RefusalError 401."""
        token = self._tokens.live(call.bearer(), self._provider)
        if token is None:
            raise errors.unauthenticated()
        return token

    def token_scopes(self, call: Call) -> frozenset[str]:
        return frozenset(scope.removeprefix(PREFIX) for scope in self.token(call).scopes)

    def of(self, call: Call, scopes: tuple[str, ...], method: str) -> Caller:
        """The account's owner at Google. Raises RefusalError 403 when none of `scopes` is granted."""
        token, granted = self.token(call), self.token_scopes(call)
        if not granted & set(scopes):
            # Gmail's widest scope is an address of its own, without the prefix.
            wanted = " ".join(scope if "://" in scope else PREFIX + scope for scope in scopes)
            refused = errors.scope_insufficient(self._service, f"{self._package}.{method}", wanted)
            raise errors.as_canonical(refused) if self._canonical else refused
        account = self._environment.accounts.get(token.account_id)
        email = account.account_identifier if account else None
        if email is None and token.user_id in self._environment.users:
            email = self._environment.users[token.user_id].email
        return Caller(email or "someone@example.com", granted)
