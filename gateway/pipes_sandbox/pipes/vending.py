"""Credentials out of connections: `/token` and `/credentials`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call
from pipes_sandbox.pipes import errors
from pipes_sandbox.pipes.model import USER, ConnectedAccount, Integration, timestamp
from pipes_sandbox.pipes.requests import Body
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.tokens import ProviderToken, TokenBook

_REFRESH_BEFORE = 60.0
"""Pipes answers with a token that is still good for a while, so it refreshes one about to end."""


TenantOf = Callable[[Mapping[str, Any], Mapping[str, Any]], str]
"""From a connection's config and metadata: the part of the provider's host that is this customer's; empty: any."""


class Vending:
    def __init__(
        self, environment: Environment, tokens: TokenBook, lifetime: float, tenants: Mapping[str, TenantOf]
    ) -> None:
        self._tenants = tenants
        self._environment = environment
        self._tokens = tokens
        self._lifetime = lifetime

    async def token(self, call: Call) -> web.Response:
        account = self._addressed(call)
        if isinstance(account, str):
            return _inactive(account)
        if account.auth_method != "oauth":
            raise errors.refused(
                422,
                "auth_method_mismatch",
                f"This installation uses {account.auth_method} authentication. "
                "Use the POST /:slug/credentials endpoint instead.",
            )
        token = self._current_token(account)
        if token is None:
            return _inactive("needs_reauthorization")
        shape = {"object": "access_token", "access_token": token.value, **self._grant(account, token)}
        return web.json_response({"active": True, "access_token": shape})

    async def credentials(self, call: Call) -> web.Response:
        account = self._addressed(call)
        if isinstance(account, str):
            return _inactive(account)
        config = {**self._integration(account).config, **account.config}
        shape: dict[str, Any] = {"object": "credential", "auth_method": account.auth_method}
        if account.auth_method == "api_key":
            self._register_api_key(account)
            shape |= {"value": account.secret, "config": config}
        else:
            token = self._current_token(account)
            if token is None:
                return _inactive("needs_reauthorization")
            shape |= {"value": token.value, **self._grant(account, token)}
            shape |= {"metadata": account.metadata, "config": config}
        return web.json_response({"active": True, "credential": shape})

    def credential_of(self, account: ConnectedAccount) -> str | None:
        """What the provider accepts for the account now; None when Pipes holds nothing for it."""
        if account.auth_method == "api_key":
            self._register_api_key(account)
            return account.secret
        token = self._current_token(account)
        return token.value if token is not None else None

    def _addressed(self, call: Call) -> ConnectedAccount | str:
        """The connection that is asked for, or the word for why it has nothing to give."""
        body = Body.of(call)
        owner = self._environment.owner(
            body.text("connection_owner") or USER, body.required("user_id"), body.text("organization_id")
        )
        account = self._environment.select(
            call.parameters["slug"],
            owner,
            body.text("connected_account_id"),
            body.flag("supports_multiple_connections"),
        )
        if account is None or account.state == "disconnected":
            return "not_installed"
        return account if account.state == "connected" else "needs_reauthorization"

    def _integration(self, account: ConnectedAccount) -> Integration:
        return self._environment.integration(account.slug, account.owner)

    def _current_token(self, account: ConnectedAccount) -> ProviderToken | None:
        """The token in use, or a fresh one when that has ended, is about to, or has other scopes than the account."""
        token = account.token
        now = self._tokens.clock()
        margin = min(_REFRESH_BEFORE, self._lifetime / 10) if account.refreshable else 0.0
        if token and token.live(now + margin) and token.scopes == account.scopes:
            return token
        if not account.refreshable:
            return None
        account.token = self._tokens.issue(
            account.slug,
            account_id=account.id,
            user_id=account.user_id,
            organization_id=account.organization_id,
            scopes=account.scopes,
            tenant=self._tenant(account),
            lifetime=self._lifetime,
        )
        return account.token

    def _register_api_key(self, account: ConnectedAccount) -> None:
        if account.secret and self._tokens.find(account.secret) is None:
            self._tokens.issue(
                account.slug,
                account_id=account.id,
                user_id=account.user_id,
                organization_id=account.organization_id,
                scopes=account.scopes,
                tenant=self._tenant(account),
                lifetime=None,
                value=account.secret,
            )

    def _tenant(self, account: ConnectedAccount) -> str:
        of = self._tenants.get(account.slug)
        return of({**self._integration(account).config, **account.config}, account.metadata) if of is not None else ""

    def _grant(self, account: ConnectedAccount, token: ProviderToken) -> dict[str, Any]:
        wanted = self._integration(account).scopes or []
        expires = None if token.expires_at is None else timestamp(datetime.fromtimestamp(token.expires_at, UTC))
        missing = [scope for scope in wanted if scope not in account.scopes]
        return {"expires_at": expires, "scopes": account.scopes, "missing_scopes": missing}


def _inactive(word: str) -> web.Response:
    return web.json_response({"active": False, "error": word})
