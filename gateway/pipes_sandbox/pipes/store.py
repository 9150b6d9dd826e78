"""The environment that Pipes works in, and the rules by which a request finds its connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipes_sandbox.pipes import errors
from pipes_sandbox.pipes.model import (
    COMPATIBILITY,
    ORGANIZATION,
    STANDARD,
    USER,
    ConnectedAccount,
    Integration,
    Organization,
    User,
)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose connection is meant: a person's own (in an organization's scope or in none), or an organization's."""

    kind: str
    user_id: str | None
    organization_id: str | None


@dataclass
class Environment:
    multiple_connections: bool = True
    """Whether WorkOS has switched several connections per owner and provider on."""
    users: dict[str, User] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    integrations: list[Integration] = field(default_factory=list)
    accounts: dict[str, ConnectedAccount] = field(default_factory=dict)

    def user(self, user_id: str) -> User:
        if user_id not in self.users:
            raise errors.entity_not_found("User not found.")
        return self.users[user_id]

    def organization(self, organization_id: str) -> Organization:
        if organization_id not in self.organizations:
            raise errors.entity_not_found("Organization not found.")
        return self.organizations[organization_id]

    def integration(self, slug: str, ownership: str = USER) -> Integration:
        for integration in self.integrations:
            if integration.slug == slug and integration.ownership == ownership:
                return integration
        raise errors.integration_not_found()

    def owner(self, kind: str, user_id: str, organization_id: str | None) -> Owner:
        """Checks that the person exists and, where an organization is named, belongs to it."""
        if kind not in (USER, ORGANIZATION):
            raise errors.invalid("connection_owner", "must be user or organization")
        user = self.user(user_id)
        if organization_id is None:
            if kind == ORGANIZATION:
                raise errors.invalid("organization_id", "is required when connection_owner is organization")
            return Owner(kind, user.id, None)
        self.organization(organization_id)
        if organization_id not in user.organizations:
            raise errors.not_a_member()
        return Owner(kind, None if kind == ORGANIZATION else user.id, organization_id)

    def connections(self, slug: str, owner: Owner) -> list[ConnectedAccount]:
        """An owner's connections to a provider, the compatibility one first."""
        found = [
            account
            for account in self.accounts.values()
            if account.slug == slug
            and account.owner == owner.kind
            and account.user_id == owner.user_id
            and account.organization_id == owner.organization_id
        ]
        return sorted(found, key=lambda account: account.connection_role != COMPATIBILITY)

    def select(self, slug: str, owner: Owner, account_id: str | None, plural: bool) -> ConnectedAccount | None:
        """The one connection that a request addresses, or None when there is none.

        Callers that do not declare `supports_multiple_connections` see the compatibility connection only.
        """
        self.integration(slug, owner.kind)
        connections = self.connections(slug, owner)
        if account_id is not None:
            for account in connections:
                if account.id == account_id:
                    return account
            raise errors.account_not_found()
        if plural and len(connections) > 1:
            raise errors.account_selection_required()
        if plural:
            return connections[0] if connections else None
        return next((account for account in connections if account.connection_role == COMPATIBILITY), None)

    def add(self, account: ConnectedAccount, *, intent: str | None) -> ConnectedAccount:
        """Puts a new connection into its slot: the first of an owner is the compatibility one, later ones standard."""
        existing = self.connections(account.slug, Owner(account.owner, account.user_id, account.organization_id))
        if existing and intent != "add":
            raise errors.refused(
                409,
                "connected_account_already_exists",
                "A connected account already exists for this user, integration, and organization.",
            )
        if existing and not self.multiple_connections:
            raise errors.refused(404, "multiple_connections_unavailable", "Multiple connections are not available.")
        account.connection_role = STANDARD if existing else COMPATIBILITY
        self.accounts[account.id] = account
        return account

    def same_label(self, account: ConnectedAccount) -> bool:
        """Whether another connection of the same owner and provider bears the same display name."""
        owner = Owner(account.owner, account.user_id, account.organization_id)
        return account.account_display_name is not None and any(
            other.id != account.id and other.account_display_name == account.account_display_name
            for other in self.connections(account.slug, owner)
        )

    def drop(self, accounts: Iterable[ConnectedAccount]) -> None:
        for account in list(accounts):
            self.accounts.pop(account.id, None)
