"""Who calls, and what the connection may reach."""

from __future__ import annotations

from dataclasses import dataclass

from pipes_sandbox.call import Call
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.tokens import ProviderToken, TokenBook

from . import errors
from .model import Hub, Person, Repository


@dataclass(frozen=True, slots=True)
class Caller:
    person: Person
    token: ProviderToken

    def headers(self, *accepted: str) -> dict[str, str]:
        """What GitHub says with every answer about scopes: those of the token, those the call takes."""
        return {"X-OAuth-Scopes": ", ".join(self.token.scopes), "X-Accepted-OAuth-Scopes": ", ".join(accepted)}

    def sees(self, repository: Repository) -> bool:
        return repository.may_read(self.person.login, private="repo" in self.token.scopes)


class Callers:
    def __init__(self, tokens: TokenBook, environment: Environment, hub: Hub) -> None:
        self._tokens = tokens
        self._environment = environment
        self._hub = hub

    def of(self, call: Call) -> Caller:
        scheme, _, value = call.header("Authorization").partition(" ")
        known = value.strip() if scheme.lower() in ("bearer", "token") else None
        token = self._tokens.live(known, "github")
        account = self._environment.accounts.get(token.account_id) if token is not None else None
        person = self._hub.person_of(str(account.account_identifier)) if account is not None else None
        if token is None or person is None:
            raise errors.bad_credentials()
        return Caller(person, token)

    def repository(self, call: Call, *, write: bool = False, push: bool = False) -> tuple[Caller, Repository]:
        """The repository that the path names, if the caller may see it (`write`: discuss in it, `push`: change files).

        Raises RefusalError: not found; or, of a repository that can be seen, not allowed.
        """
        caller = self.of(call)
        name = f"{call.parameters['owner']}/{call.parameters['repo']}".lower()
        repository = self._hub.repositories.get(name)
        accepted = ("repo",) if repository is None or repository.private else ("public_repo", "repo")
        if repository is None or not caller.sees(repository):
            raise errors.not_found(caller.headers(*accepted))
        if (write or push) and not set(accepted) & set(caller.token.scopes):
            raise errors.not_found(caller.headers(*accepted))
        if push and repository.members.get(caller.person.login) != "write":
            raise errors.refused(403, "Must have push access to repository.", caller.headers(*accepted))
        return caller, repository
