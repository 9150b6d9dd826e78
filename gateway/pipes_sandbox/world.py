"""One sandbox's world: what the seed says, and everything that has happened since."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from pipes_sandbox.faults import FaultBook
from pipes_sandbox.pipes import shapes
from pipes_sandbox.pipes.model import ConnectedAccount, Integration, Organization, User
from pipes_sandbox.pipes.service import PipesService
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.provider import Surroundings, all_providers
from pipes_sandbox.recorder import Recorder
from pipes_sandbox.service import Service
from pipes_sandbox.settings import Settings
from pipes_sandbox.tokens import TokenBook, fingerprint

_CHANGEABLE = ("state", "state_reason", "scopes", "account_display_name", "config", "metadata")
_STATES = ("connected", "needs_reauthorization", "disconnected")
_SECTIONS: dict[str, type] = {
    "users": list,
    "organizations": list,
    "multiple_connections": bool,
    "integrations": list,
    "accounts": list,
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
        self.tokens = TokenBook({each.slug: each.token_prefix for each in all_providers()})
        self.environment = _environment(self._seed)
        settings = self._settings
        self.pipes = PipesService(
            self.environment,
            self.tokens,
            {each.slug: each.tenant for each in all_providers()},
            api_key=settings.api_key,
            lifetime=settings.token_lifetime,
        )
        around = Surroundings(self.tokens, self.environment, settings)
        self.providers = {
            each.section: each.build(around, self._seed.get(each.section) or {}) for each in all_providers()
        }
        self.services: tuple[Service, ...] = (self.pipes, *self.providers.values())

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
            **{name: await service.describe() for name, service in self.providers.items()},
        }


def _load(settings: Settings) -> dict[str, Any]:
    if settings.seed is not None:
        return _document(settings.seed)
    world = _document(files("pipes_sandbox") / "seed.yaml")
    for each in all_providers():
        theirs = each.shipped_seed()
        for section in ("integrations", "accounts"):
            world[section] = [*(world.get(section) or ()), *(theirs.get(section) or ())]
        world[each.section] = theirs.get("data")
    return world


def _document(source: Traversable) -> dict[str, Any]:
    try:
        document = yaml.safe_load(source.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"the seed {source} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise ValueError(f"the seed {source} must be a mapping of users, organizations, integrations, accounts …")
    known = {**_SECTIONS, **{each.section: dict for each in all_providers()}}
    for name, value in document.items():
        kind = known.get(name)
        if kind is None:
            raise ValueError(f"the seed {source} has an unknown section {name!r}; known are {', '.join(known)}")
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
