"""Connected accounts of people and organizations: read, import, change, disconnect."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, flag
from pipes_sandbox.pipes import errors, shapes
from pipes_sandbox.pipes.model import ORGANIZATION, USER, ConnectedAccount
from pipes_sandbox.pipes.requests import Body
from pipes_sandbox.pipes.store import Environment, Owner
from pipes_sandbox.tokens import TokenBook

_STATES = ("connected", "needs_reauthorization")


class Connections:
    def __init__(self, environment: Environment, tokens: TokenBook) -> None:
        self._environment = environment
        self._tokens = tokens

    async def get(self, call: Call) -> web.Response:
        return web.json_response(shapes.connected_account(self._addressed(call)))

    async def delete(self, call: Call) -> web.Response:
        """Forgets what Pipes holds. The provider is not told, so a token already vended stays good there."""
        self._environment.drop([self._addressed(call)])
        return web.Response(status=204)

    async def create(self, call: Call) -> web.Response:
        body = Body.of(call)
        owner = self._writing_owner(call, body)
        integration = self._environment.integration(call.parameters["slug"], owner.kind)
        if "oauth" not in integration.auth_methods:
            raise errors.refused(422, "invalid_data_integration_state", "This integration does not use OAuth.")
        account = ConnectedAccount(
            slug=integration.slug,
            integration_id=integration.id,
            owner=owner.kind,
            user_id=owner.user_id,
            organization_id=owner.organization_id,
            scopes=list(integration.scopes or []),
            refreshable=False,
        )
        if body.text("access_token") is None and body.text("refresh_token") is None and body.text("state") is None:
            raise errors.refused(422, "invalid_token_combination", "A state or at least one token is required.")
        self._apply(account, body)
        self._environment.add(account, intent=body.text("connection_intent"))
        return web.json_response(self._written(account, body), status=201)

    async def update(self, call: Call) -> web.Response:
        body = Body.of(call)
        if call.parameters.get("organization_id"):
            self._writing_owner(call, body)
        account = self._addressed(call, plural=False)
        self._apply(account, body)
        account.touch()
        return web.json_response(self._written(account, body))

    def _apply(self, account: ConnectedAccount, body: Body) -> None:
        for name in ("account_display_name", "account_identifier"):
            if name in body:
                setattr(account, name, body.text(name))
        if (scopes := body.texts("scopes")) is not None:
            account.scopes = scopes
        access, refresh, state = body.text("access_token"), body.text("refresh_token"), body.text("state")
        if state is not None and state not in _STATES:
            raise errors.invalid("state", f"must be one of {', '.join(_STATES)}")
        if refresh:
            account.refreshable = True
        if access:
            account.token = self._tokens.issue(
                account.slug,
                account_id=account.id,
                user_id=account.user_id,
                organization_id=account.organization_id,
                scopes=account.scopes,
                tenant="",
                lifetime=_lifetime(body.text("expires_at"), self._tokens.clock()),
                value=access,
            )
        if state or access or refresh:
            account.state = state or "connected"
            account.state_reason = None

    def _written(self, account: ConnectedAccount, body: Body) -> dict[str, Any]:
        shape = shapes.connected_account(account)
        if body.text("account_display_name") and self._environment.same_label(account):
            message = "Another connected account of this owner has the same display name."
            shape["warnings"] = [{"code": "duplicate_account_display_name", "message": message}]
        return shape

    def _writing_owner(self, call: Call, body: Body) -> Owner:
        """The owner of a connection about to be written; an organization's needs a member who acts for it."""
        if organization_id := call.parameters.get("organization_id"):
            return self._environment.owner(ORGANIZATION, body.required("user_id"), organization_id)
        return self._environment.owner(USER, call.parameters["user_id"], call.query("organization_id") or None)

    def _addressed(self, call: Call, *, plural: bool | None = None) -> ConnectedAccount:
        parameters = call.parameters
        if organization_id := parameters.get("organization_id"):
            owner = Owner(ORGANIZATION, None, self._environment.organization(organization_id).id)
        else:
            owner = self._environment.owner(USER, parameters["user_id"], call.query("organization_id") or None)
        declared = flag(call.query("supports_multiple_connections")) if plural is None else plural
        account = self._environment.select(
            parameters["slug"], owner, call.query("connected_account_id") or None, declared
        )
        if account is None:
            raise errors.account_not_found()
        return account


def _lifetime(expires_at: str | None, now: float) -> float | None:
    if expires_at is None:
        return None
    try:
        return datetime.fromisoformat(expires_at).timestamp() - now
    except ValueError:
        raise errors.invalid("expires_at", "must be an ISO 8601 timestamp") from None
