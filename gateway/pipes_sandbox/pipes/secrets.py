"""Connections that rest on a secret of the customer: API keys and client credentials."""

from __future__ import annotations

from aiohttp import web

from pipes_sandbox.call import Call
from pipes_sandbox.pipes import errors, shapes
from pipes_sandbox.pipes.model import USER, ConnectedAccount
from pipes_sandbox.pipes.requests import Body
from pipes_sandbox.pipes.store import Environment

API_KEY = "api_key"
CLIENT_CREDENTIALS = "client_credentials"


class SecretConnections:
    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    async def put_api_key(self, call: Call) -> web.Response:
        return self._upsert(call, API_KEY)

    async def add_api_key(self, call: Call) -> web.Response:
        return self._add(call, API_KEY)

    async def put_client_credentials(self, call: Call) -> web.Response:
        return self._upsert(call, CLIENT_CREDENTIALS)

    async def add_client_credentials(self, call: Call) -> web.Response:
        return self._add(call, CLIENT_CREDENTIALS)

    def install_api_key(self, slug: str, members: dict[str, object]) -> ConnectedAccount:
        """The first tenant's key, given along with the integration itself."""
        body = Body(members)
        account = self._new(slug, body, API_KEY)
        self._store(account, body)
        return self._environment.add(account, intent=None)

    def _upsert(self, call: Call, method: str) -> web.Response:
        body, slug = Body.of(call), call.parameters["slug"]
        new = self._new(slug, body, method)
        owner = self._environment.owner(
            body.text("connection_owner") or USER, body.required("user_id"), body.text("organization_id")
        )
        account = self._environment.select(slug, owner, body.text("connected_account_id"), False)
        if account is None:
            account = self._environment.add(new, intent=None)
        elif account.auth_method != method:
            raise errors.refused(409, "auth_method_mismatch", f"The connection uses {account.auth_method}.")
        self._store(account, body)
        account.touch()
        return web.json_response(shapes.connected_account(account))

    def _add(self, call: Call, method: str) -> web.Response:
        body = Body.of(call)
        if body.text("connection_intent") != "add":
            raise errors.refused(400, "invalid_connection_intent", "connection_intent must be add; use PUT otherwise.")
        account = self._new(call.parameters["slug"], body, method)
        self._store(account, body)
        self._environment.add(account, intent="add")
        return web.json_response(shapes.connected_account(account))

    def _new(self, slug: str, body: Body, method: str) -> ConnectedAccount:
        owner = self._environment.owner(
            body.text("connection_owner") or USER, body.required("user_id"), body.text("organization_id")
        )
        integration = self._environment.integration(slug, owner.kind)
        if method not in integration.auth_methods:
            wanted = " or ".join(integration.auth_methods)
            raise errors.refused(422, "auth_method_mismatch", f"This integration uses {wanted} authentication.")
        return ConnectedAccount(
            slug=slug,
            integration_id=integration.id,
            owner=owner.kind,
            user_id=owner.user_id,
            organization_id=owner.organization_id,
            auth_method=method,
            scopes=list(integration.scopes or []),
        )

    def _store(self, account: ConnectedAccount, body: Body) -> None:
        if account.auth_method == API_KEY:
            account.secret = body.required("secret")
        else:
            account.client_id = body.required("client_id")
            account.client_secret = body.required("client_secret")
            account.token = None
        for name in ("account_display_name", "account_identifier"):
            if name in body:
                setattr(account, name, body.text(name))
        if (config := body.mapping("config")) is not None:
            account.config = {name: str(value) for name, value in config.items()}
        account.state = "connected"
