"""Whose call it is and whether the token's scopes reach for it."""

from __future__ import annotations

from pipes_sandbox.call import Call
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.providers.google_drive import errors
from pipes_sandbox.providers.google_drive.store import Person
from pipes_sandbox.tokens import ProviderToken, TokenBook

_PREFIX = "https://www.googleapis.com/auth/"
METADATA = ("drive", "drive.readonly", "drive.metadata.readonly", "drive.metadata", "drive.file")
CONTENT = ("drive", "drive.readonly", "drive.file")
WRITE = ("drive", "drive.file")


class Access:
    def __init__(self, tokens: TokenBook, environment: Environment) -> None:
        self._tokens = tokens
        self._environment = environment

    def token(self, call: Call) -> ProviderToken:
        token = self._tokens.live(call.bearer(), "google-drive")
        if token is None:
            raise errors.unauthenticated()
        return token

    def person(self, call: Call, scopes: tuple[str, ...], method: str) -> Person:
        """The account's owner at Google. Raises RefusalError when none of `scopes` is granted."""
        token = self.token(call)
        granted = {scope.removeprefix(_PREFIX) for scope in token.scopes}
        if not granted & set(scopes):
            raise errors.scope_insufficient(method, " ".join(_PREFIX + scope for scope in scopes))
        account = self._environment.accounts.get(token.account_id)
        email = account.account_identifier if account else None
        if email is None and token.user_id in self._environment.users:
            email = self._environment.users[token.user_id].email
        wide = granted & (set(scopes) - {"drive.file"})
        return Person(email or "someone@example.com", only_by_app=not wide)
