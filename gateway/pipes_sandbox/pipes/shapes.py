"""JSON that Pipes answers with."""

from __future__ import annotations

from typing import Any

from pipes_sandbox.pipes.model import COMPATIBILITY, ORGANIZATION, ConnectedAccount, Integration


def connected_account(account: ConnectedAccount) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "object": "connected_account",
        "id": account.id,
        "connection_role": account.connection_role,
        "account_identifier": account.account_identifier,
        "account_display_name": account.account_display_name,
        "user_id": account.user_id,
        "organization_id": account.organization_id,
        "scopes": account.scopes,
        "auth_method": account.auth_method,
        "api_key_last_4": account.secret[-4:] if account.secret else None,
        "config": account.config,
        "established_by_user_id": account.established_by_user_id,
        "state": account.state,
        "state_reason": account.state_reason,
        "created_at": account.created_at,
        "updated_at": account.updated_at,
    }
    if account.auth_method == "client_credentials":
        shape["client_id"] = account.client_id
        shape["client_secret_last_4"] = account.client_secret[-4:] if account.client_secret else None
    return shape


def listed_account(account: ConnectedAccount) -> dict[str, Any]:
    """The account inside a data provider, which still carries the members of the older wire format."""
    return {
        **connected_account(account),
        "userlandUserId": account.user_id,
        "organizationId": account.organization_id,
        "createdAt": account.created_at,
        "updatedAt": account.updated_at,
    }


def data_provider(integration: Integration, accounts: list[ConnectedAccount], *, plural: bool) -> dict[str, Any]:
    first = next((account for account in accounts if account.connection_role == COMPATIBILITY), None)
    visible = accounts if plural else ([first] if first else [])
    return {
        "object": "data_provider",
        "id": integration.id,
        "name": integration.name,
        "description": integration.description,
        "slug": integration.slug,
        "integration_type": integration.slug,
        "integrationType": integration.slug,
        "credentials_type": _credentials_type(integration),
        "credentialsType": _credentials_type(integration),
        "scopes": integration.scopes,
        "auth_methods": integration.auth_methods,
        "connection_owner": integration.ownership,
        "ownership": "organization" if integration.ownership == ORGANIZATION else "userland_user",
        "created_at": integration.created_at,
        "updated_at": integration.updated_at,
        "createdAt": integration.created_at,
        "updatedAt": integration.updated_at,
        "connected_account": listed_account(first) if first else None,
        "connected_accounts": [listed_account(account) for account in visible],
    }


def _credentials_type(integration: Integration) -> str:
    return "oauth2" if "oauth" in integration.auth_methods else integration.auth_methods[0]


def data_integration(integration: Integration, installation: dict[str, Any] | None = None) -> dict[str, Any]:
    oauth = "oauth" in integration.auth_methods
    return {
        "object": "data_integration",
        "id": integration.id,
        "slug": integration.slug,
        "integration_type": integration.slug,
        "ownership": integration.ownership,
        "description": integration.description,
        "enabled": integration.enabled,
        "state": "valid",
        "scopes": integration.scopes,
        "redirect_uri": f"https://api.workos.com/data-integrations/{integration.slug}/callback" if oauth else "",
        "auth_methods": integration.auth_methods,
        "credentials": _credentials(integration) if oauth else None,
        "installation": installation,
        "config": integration.config,
        "custom_provider": integration.custom_provider,
        "created_at": integration.created_at,
        "updated_at": integration.updated_at,
    }


def _credentials(integration: Integration) -> dict[str, Any]:
    given = integration.credentials or {"type": "custom", "client_id": f"client_{integration.slug}"}
    if given.get("type") == "organization":
        return {"type": "organization", "client_id": None, "redacted_client_secret": None}
    return {
        "type": "custom",
        "client_id": given.get("client_id"),
        "redacted_client_secret": str(given.get("client_secret") or "sandbox")[-4:],
    }


def installation(account: ConnectedAccount) -> dict[str, Any]:
    shape = connected_account(account)
    kept = ("id", "connection_role", "account_identifier", "account_display_name", "user_id", "organization_id")
    return {**{name: shape[name] for name in kept}, "api_key_last_4": shape["api_key_last_4"]}
