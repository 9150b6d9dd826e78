"""Whose call it is and whether the token's scopes reach for it."""

from __future__ import annotations

from pipes_sandbox.call import Call
from pipes_sandbox.google.callers import Callers
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.providers.google_drive.store import Person
from pipes_sandbox.tokens import ProviderToken, TokenBook

METADATA = ("drive", "drive.readonly", "drive.metadata.readonly", "drive.metadata", "drive.file")
CONTENT = ("drive", "drive.readonly", "drive.file")
WRITE = ("drive", "drive.file")

SHEETS_READ = ("spreadsheets.readonly", "spreadsheets", *CONTENT)
SHEETS_WRITE = ("spreadsheets", *WRITE)
DOCS_READ = ("documents.readonly", "documents", *CONTENT)
DOCS_WRITE = ("documents", *WRITE)


class Access:
    """`service` and `package` as `Callers` has them; the younger APIs tell errors in the canonical form alone."""

    def __init__(
        self,
        tokens: TokenBook,
        environment: Environment,
        *,
        service: str = "drive.googleapis.com",
        package: str = "google.apps.drive.v3",
        canonical: bool = False,
    ) -> None:
        self._callers = Callers(
            tokens, environment, "google-drive", service=service, package=package, canonical=canonical
        )

    def token(self, call: Call) -> ProviderToken:
        return self._callers.token(call)

    def person(self, call: Call, scopes: tuple[str, ...], method: str) -> Person:
        """The account's owner at Google. Raises RefusalError when none of `scopes` is granted."""
        caller = self._callers.of(call, scopes, method)
        wide = caller.scopes & (set(scopes) - {"drive.file"})
        return Person(caller.email, only_by_app=not wide)
