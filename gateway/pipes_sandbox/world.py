"""One sandbox's world: what the seed says, and everything that has happened since."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from pipes_sandbox.drive.service import DriveService
from pipes_sandbox.faults import FaultBook
from pipes_sandbox.pipes import shapes
from pipes_sandbox.pipes.model import ConnectedAccount, Integration, Organization, User
from pipes_sandbox.pipes.service import PipesService
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.recorder import Recorder
from pipes_sandbox.salesforce.service import SalesforceService
from pipes_sandbox.service import Service
from pipes_sandbox.settings import Settings
from pipes_sandbox.snowflake.service import SnowflakeService
from pipes_sandbox.tokens import TokenBook, fingerprint

_CHANGEABLE = ("state", "state_reason", "scopes", "account_display_name", "config", "metadata")
_STATES = ("connected", "needs_reauthorization", "disconnected")
_SECTIONS: dict[str, type] = {
    "users": list,
    "organizations": list,
    "multiple_connections": bool,
    "integrations": list,
    "accounts": list,
    "snowflake": dict,
    "google_drive": dict,
    "salesforce": dict,
}


class UnknownAccountError(Exception):
    """There is no connected account of that id."""


class World:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seed = _load(settings)
        self.recorder = Recorder(settings.calls_kept)
        self.faults = FaultBook()
        self._begin()

    def _begin(self) -> None:
        self.tokens = TokenBook()
        self.environment = _environment(self._seed)
        settings = self._settings
        self.pipes = PipesService(
            self.environment, self.tokens, api_key=settings.api_key, lifetime=settings.token_lifetime
        )
        self.snowflake = SnowflakeService(
            self.tokens,
            self._seed.get("snowflake") or {},
            synchronous_wait=settings.synchronous_wait,
            partition_rows=settings.partition_rows,
            threads=settings.statement_threads,
        )
        self.drive = DriveService(self.tokens, self.environment, self._seed.get("google_drive") or {})
        self.salesforce = SalesforceService(self.tokens, self.environment, self._seed.get("salesforce") or {})
        self.services: tuple[Service, ...] = (self.pipes, self.snowflake, self.drive, self.salesforce)

    async def reset(self) -> None:
        """Everything as the seed says, as if just started."""
        await self.close()
        self.faults.clear()
        self.recorder.reset()
        self._begin()

    async def close(self) -> None:
        for service in self.services:
            await service.close()

    def describe_credential(self, presented: str | None) -> dict[str, Any] | None:
        """Whose credential a call carries, for the observer; never the credential itself."""
        if presented is None:
            return None
        if token := self.tokens.find(presented):
            return {"kind": "provider_token", **token.describe(self.tokens.clock())}
        kind = "api_key" if presented == self._settings.api_key else "unknown"
        return {"kind": kind, "sha256": fingerprint(presented)}

    def change_account(self, account_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Sets members of a connected account as if WorkOS had; a changed state keeps tokens that are out there."""
        if account_id not in self.environment.accounts:
            raise UnknownAccountError(f"no connected account {account_id!r}")
        account = self.environment.accounts[account_id]
        if unknown := set(changes) - set(_CHANGEABLE):
            raise ValueError(f"cannot change {sorted(unknown)}; changeable are {', '.join(_CHANGEABLE)}")
        if changes.get("state", "connected") not in _STATES:
            raise ValueError(f"state is one of {', '.join(_STATES)}")
        for name, value in changes.items():
            setattr(account, name, value)
        account.touch()
        return shapes.connected_account(account)

    async def state(self) -> dict[str, Any]:
        environment = self.environment
        return {
            "users": [
                {"id": user.id, "email": user.email, "organizations": sorted(user.organizations)}
                for user in environment.users.values()
            ],
            "organizations": [{"id": each.id, "name": each.name} for each in environment.organizations.values()],
            "integrations": [shapes.data_integration(each) for each in environment.integrations],
            "accounts": [
                {"slug": each.slug, "owner": each.owner, **shapes.connected_account(each)}
                for each in environment.accounts.values()
            ],
            "tokens": self.tokens.describe(),
            "faults": self.faults.as_json(),
            "snowflake": await self.snowflake.describe(),
            "google_drive": await self.drive.describe(),
            "salesforce": await self.salesforce.describe(),
        }


def _load(settings: Settings) -> dict[str, Any]:
    if settings.seed is not None:
        return _document(settings.seed)
    shipped = files("pipes_sandbox")
    drive = yaml.safe_load((shipped / "drive" / "seed.yaml").read_text(encoding="utf-8"))
    return {**_document(shipped / "seed.yaml"), "google_drive": drive}


def _document(source: Traversable) -> dict[str, Any]:
    try:
        document = yaml.safe_load(source.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"the seed {source} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ValueError(f"the seed {source} must be a mapping of users, organizations, integrations, accounts …")
    for name, value in document.items():
        kind = _SECTIONS.get(name)
        if kind is None:
            raise ValueError(f"the seed {source} has an unknown section {name!r}; known are {', '.join(_SECTIONS)}")
        if value is not None and not isinstance(value, kind):
            raise ValueError(f"the seed {source}: section {name!r} must be a {kind.__name__}")
    return document


def _environment(seed: dict[str, Any]) -> Environment:
    """Raises ValueError naming the entry that does not fit."""
    environment = Environment(multiple_connections=bool(seed.get("multiple_connections", True)))
    try:
        for entry in seed.get("organizations") or ():
            environment.organizations[entry["id"]] = Organization(**entry)
        for entry in seed.get("users") or ():
            organizations = frozenset(entry.get("organizations") or ())
            environment.users[entry["id"]] = User(entry["id"], entry["email"], organizations)
        for entry in seed.get("integrations") or ():
            environment.integrations.append(Integration(**entry))
        for entry in seed.get("accounts") or ():
            integration = next(
                each
                for each in environment.integrations
                if (each.slug, each.ownership) == (entry["slug"], entry.get("owner", "user"))
            )
            account = ConnectedAccount(integration_id=integration.id, **entry)
            environment.add(account, intent="add")
    except StopIteration:
        raise ValueError(f"seed: account {entry.get('id')!r} names an integration that is not there") from None
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"seed: {error} in {entry!r}") from None
    return environment
