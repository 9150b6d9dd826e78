"""What Pipes keeps: people, organizations, integrations and the accounts they connected."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipes_sandbox.tokens import ProviderToken

_BASE32 = string.digits + "ABCDEFGHJKMNPQRSTVWXYZ"

USER = "user"
ORGANIZATION = "organization"
COMPATIBILITY = "compatibility"
STANDARD = "standard"


def new_id(prefix: str) -> str:
    """`prefix` and 26 characters, as WorkOS writes its identifiers."""
    return f"{prefix}_01" + "".join(secrets.choice(_BASE32) for _ in range(24))


def timestamp(moment: datetime | None = None) -> str:
    """ISO 8601 with milliseconds and Z."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class User:
    id: str
    email: str
    organizations: frozenset[str] = frozenset()
    """Organizations of which this person is an active member."""


@dataclass(slots=True)
class Organization:
    id: str
    name: str


@dataclass(slots=True, kw_only=True)
class Integration:
    """One provider configured in the environment, for people or for organizations to connect to."""

    slug: str
    name: str
    id: str = field(default_factory=lambda: new_id("data_integration"))
    ownership: str = USER
    description: str | None = None
    enabled: bool = True
    scopes: list[str] | None = None
    auth_methods: list[str] = field(default_factory=lambda: ["oauth"])
    credentials: dict[str, Any] | None = None
    config: dict[str, str] = field(default_factory=dict)
    custom_provider: dict[str, Any] | None = None
    created_at: str = field(default_factory=timestamp)
    updated_at: str = field(default_factory=timestamp)


@dataclass(slots=True, kw_only=True)
class ConnectedAccount:
    """One connection of a person or an organization to a provider."""

    slug: str
    integration_id: str
    id: str = field(default_factory=lambda: new_id("data_installation"))
    owner: str = USER
    user_id: str | None = None
    organization_id: str | None = None
    connection_role: str = COMPATIBILITY
    account_identifier: str | None = None
    account_display_name: str | None = None
    scopes: list[str] = field(default_factory=list)
    auth_method: str = "oauth"
    config: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    state: str = "connected"
    state_reason: str | None = None
    established_by_user_id: str | None = None
    created_at: str = field(default_factory=timestamp)
    updated_at: str = field(default_factory=timestamp)
    secret: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    refreshable: bool = True
    """Whether Pipes can get a new access token by itself when the present one ends."""
    token: ProviderToken | None = field(default=None, repr=False)

    def touch(self) -> None:
        self.updated_at = timestamp()
