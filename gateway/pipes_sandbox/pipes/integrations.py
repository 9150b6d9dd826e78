"""The environment's integrations, and how they look to one person or organization."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, flag
from pipes_sandbox.pipes import errors, shapes
from pipes_sandbox.pipes.model import ORGANIZATION, USER, Integration, timestamp
from pipes_sandbox.pipes.requests import Body
from pipes_sandbox.pipes.secrets import SecretConnections
from pipes_sandbox.pipes.store import Environment, Owner

BUILT_IN = {
    "github": "GitHub",
    "google-calendar": "Google Calendar",
    "google-drive": "Google Drive",
    "linear": "Linear",
    "notion": "Notion",
    "salesforce": "Salesforce",
    "slack": "Slack",
    "snowflake": "Snowflake",
    "zendesk": "Zendesk",
}
_CUSTOM_DEFAULTS: dict[str, Any] = {
    "name": "",
    "authorization_url": None,
    "token_url": None,
    "refresh_token_url": None,
    "pkce_enabled": True,
    "request_scope_separator": " ",
    "scopes_required": False,
    "client_secret_required": True,
    "additional_authorization_parameters": {},
    "token_body_content_type": "application/x-www-form-urlencoded",
    "authenticate_via": "request_body",
}


class Integrations:
    def __init__(self, environment: Environment, secret_connections: SecretConnections) -> None:
        self._environment = environment
        self._secret_connections = secret_connections

    async def user_providers(self, call: Call) -> web.Response:
        organization_id = call.query("organization_id") or None
        owner = self._environment.owner(USER, call.parameters["user_id"], organization_id)
        return self._providers(call, owner)

    async def organization_providers(self, call: Call) -> web.Response:
        organization = self._environment.organization(call.parameters["organization_id"])
        return self._providers(call, Owner(ORGANIZATION, None, organization.id))

    def _providers(self, call: Call, owner: Owner) -> web.Response:
        plural = flag(call.query("supports_multiple_connections"))
        data = [
            shapes.data_provider(integration, self._environment.connections(integration.slug, owner), plural=plural)
            for integration in self._environment.integrations
            if integration.ownership == owner.kind and integration.enabled
        ]
        return web.json_response({"object": "list", "data": data})

    async def list(self, call: Call) -> web.Response:
        limit = int(call.query("limit", "10")) if call.query("limit", "10").isdigit() else 0
        if not 1 <= limit <= 100:
            raise errors.invalid("limit", "must be between 1 and 100")
        ownership = call.query("ownership")
        rows = [row for row in self._environment.integrations if ownership in ("", row.ownership)]
        if call.query("order", "desc") != "asc":
            rows.reverse()
        ids = [row.id for row in rows]
        start = ids.index(call.query("after")) + 1 if call.query("after") in ids else 0
        if call.query("before") in ids:
            start = max(0, ids.index(call.query("before")) - limit)
        page = rows[start : start + limit]
        more = start + limit < len(rows)
        metadata = {"before": page[0].id if page and start else None, "after": page[-1].id if more else None}
        data = [shapes.data_integration(row) for row in page]
        return web.json_response({"object": "list", "data": data, "list_metadata": metadata})

    async def create(self, call: Call) -> web.Response:
        body = Body.of(call)
        slug, ownership = body.required("provider"), body.text("ownership") or USER
        custom = body.mapping("custom_provider")
        known = any(row.slug == slug for row in self._environment.integrations)
        if custom is not None and slug in BUILT_IN:
            raise errors.refused(409, "slug_taken", "The slug belongs to a built-in provider.")
        if custom is None and slug not in BUILT_IN and not known:
            raise errors.entity_not_found("Provider not found; define it with custom_provider.")
        if any(row.slug == slug and row.ownership == ownership for row in self._environment.integrations):
            raise errors.refused(409, "data_integration_already_exists", "A data integration already exists.")
        methods = body.texts("auth_methods") or ["oauth"]
        if "oauth" in methods and body.mapping("credentials") is None:
            raise errors.invalid("credentials", "is required for OAuth integrations")
        integration = Integration(
            slug=slug,
            name=BUILT_IN.get(slug) or str((custom or {}).get("name", slug)),
            ownership=ownership,
            description=body.text("description"),
            enabled=body.flag("enabled"),
            scopes=body.texts("scopes"),
            auth_methods=methods,
            credentials=body.mapping("credentials"),
            config={name: str(value) for name, value in (body.mapping("config") or {}).items()},
            custom_provider={**_CUSTOM_DEFAULTS, **custom} if custom is not None else None,
        )
        self._environment.integrations.append(integration)
        key = body.mapping("api_key")
        installed = self._secret_connections.install_api_key(slug, key) if key else None
        shape = shapes.data_integration(integration, shapes.installation(installed) if installed else None)
        return web.json_response(shape, status=201)

    async def get(self, call: Call) -> web.Response:
        return web.json_response(shapes.data_integration(self._addressed(call)))

    async def update(self, call: Call) -> web.Response:
        integration, body = self._addressed(call), Body.of(call)
        if "description" in body:
            integration.description = body.text("description")
        if "enabled" in body:
            integration.enabled = body.flag("enabled")
        if "scopes" in body:
            integration.scopes = body.texts("scopes")
        if (credentials := body.mapping("credentials")) is not None:
            integration.credentials = credentials
        if (custom := body.mapping("custom_provider")) is not None:
            if integration.custom_provider is None:
                raise errors.refused(400, "not_a_custom_provider", "Only custom providers have a definition.")
            integration.custom_provider |= custom
        integration.updated_at = timestamp()
        return web.json_response(shapes.data_integration(integration))

    async def delete(self, call: Call) -> web.Response:
        integration = self._addressed(call)
        self._environment.integrations.remove(integration)
        accounts = self._environment.accounts.values()
        self._environment.drop(account for account in accounts if account.integration_id == integration.id)
        return web.Response(status=204)

    def _addressed(self, call: Call) -> Integration:
        """The user-owned root, or with the suffix `/organization` the one that organizations connect to."""
        ownership = ORGANIZATION if call.path.endswith("/organization") else USER
        return self._environment.integration(call.parameters["slug"], ownership)
