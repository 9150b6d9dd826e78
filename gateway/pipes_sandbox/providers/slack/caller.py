"""Who calls, and what the connection may do."""

from __future__ import annotations

from dataclasses import dataclass

from pipes_sandbox.call import Call
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.tokens import ProviderToken, TokenBook

from . import errors
from .workspace import SCOPES, Conversation, Person, Workspace


@dataclass(frozen=True, slots=True)
class Caller:
    """The person (or the bot) that a token stands for."""

    person: Person
    token: ProviderToken

    def demand(self, *scopes: str) -> None:
        """Raises RefusalError unless the connection has one of these scopes."""
        if not set(scopes) & set(self.token.scopes):
            raise errors.missing_scope(scopes, self.token.scopes)

    def demand_on(self, where: Conversation, right: str) -> None:
        """The scope depends on the kind of the conversation: `channels:history`, `groups:history` …"""
        self.demand(f"{SCOPES[where.kind]}:{right}")


class Callers:
    def __init__(self, tokens: TokenBook, environment: Environment, workspace: Workspace) -> None:
        self._tokens = tokens
        self._environment = environment
        self._workspace = workspace

    def of(self, call: Call) -> Caller:
        value = call.bearer()
        if value is None:
            raise errors.refused("not_authed")
        token = self._tokens.find(value)
        if token is None or token.provider != "slack":
            raise errors.refused("invalid_auth")
        if token.revoked:
            raise errors.refused("token_revoked")
        if not token.live(self._tokens.clock()):
            raise errors.refused("token_expired")
        account = self._environment.accounts.get(token.account_id)
        person = self._workspace.person_of(str(account.account_identifier)) if account is not None else None
        if person is None or person.deleted:
            raise errors.refused("account_inactive")
        return Caller(person, token)
