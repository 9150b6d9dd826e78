"""Connecting an account: the URL a person opens, the moment of consent, and its completion by the application."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from aiohttp import web

from pipes_sandbox.call import Call
from pipes_sandbox.pipes import errors, shapes
from pipes_sandbox.pipes.model import USER, ConnectedAccount
from pipes_sandbox.pipes.requests import Body
from pipes_sandbox.pipes.store import Environment, Owner

_CONNECT_CODE_SECONDS = 90.0


@dataclass(slots=True)
class _Started:
    slug: str
    owner: Owner
    acting_user_id: str
    state: str
    return_to: str | None
    code_challenge: str | None
    intent: str | None
    account_id: str | None
    config: dict[str, str]
    display_name: str | None


class Authorization:
    """Whoever opens the URL is taken to consent: the sandbox has no sign-in page, only its redirect."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._started: dict[str, _Started] = {}
        self._held: dict[str, tuple[_Started, float]] = {}

    async def authorize(self, call: Call) -> web.Response:
        body = Body.of(call)
        user_id = body.required("user_id")
        owner = self._environment.owner(body.text("connection_owner") or USER, user_id, body.text("organization_id"))
        integration = self._environment.integration(call.parameters["slug"], owner.kind)
        if "oauth" not in integration.auth_methods:
            raise errors.refused(422, "auth_method_mismatch", "This integration does not use OAuth.")
        challenge, return_to = body.text("code_challenge"), body.text("return_to")
        if challenge and not return_to:
            raise errors.invalid("return_to", "is required with code_challenge")
        intent, account_id = body.text("connection_intent"), body.text("connected_account_id")
        if (intent == "reauthorize") != (account_id is not None):
            raise errors.refused(400, "invalid_connection_intent", "reauthorize goes with connected_account_id.")
        if account_id:
            self._environment.select(integration.slug, owner, account_id, True)
        key = secrets.token_urlsafe(18)
        state = secrets.token_urlsafe(16)
        config = {name: str(value) for name, value in (body.mapping("config") or {}).items()}
        self._started[key] = _Started(
            integration.slug,
            owner,
            user_id,
            state,
            return_to,
            challenge,
            intent,
            account_id,
            config,
            body.text("account_display_name"),
        )
        url = call.request.url.origin() / "data-integrations" / key / "authorize-redirect"
        answer = {"url": str(url), "state": state}
        return web.json_response({**answer, "completion": "finish_required"} if challenge else answer)

    async def consent(self, call: Call) -> web.Response:
        """A person opens the URL: connects at once, or holds the connection until the application finishes it."""
        started = self._started.pop(call.parameters["key"], None)
        if started is None:
            raise errors.entity_not_found("This authorization has ended or never began.")
        if started.code_challenge is None:
            self._connect(started)
            query = {"state": started.state}
        else:
            code = secrets.token_urlsafe(24)
            self._held[code] = (started, time.monotonic() + _CONNECT_CODE_SECONDS)
            query = {"state": started.state, "connect_code": code}
        if started.return_to is None:
            return web.Response(text="Connected. You may close this page.")
        parts = urlsplit(started.return_to)
        location = urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, urlencode(query))))))
        return web.Response(status=302, headers={"Location": location})

    async def finish(self, call: Call) -> web.Response:
        """A wrong verifier uses the code up, so that a stolen code cannot be tried twice."""
        body = Body.of(call)
        held = self._held.pop(body.required("connect_code"), None)
        verifier = body.required("code_verifier")
        if held is None or time.monotonic() > held[1]:
            raise errors.refused(400, "invalid_connect_code", "The connect code is unknown, used or expired.")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if not hmac.compare_digest(digest, held[0].code_challenge or ""):
            raise errors.refused(400, "invalid_code_verifier", "The code verifier does not match the challenge.")
        account = self._connect(held[0])
        return web.json_response({"connected_account": shapes.connected_account(account)})

    def _connect(self, started: _Started) -> ConnectedAccount:
        integration = self._environment.integration(started.slug, started.owner.kind)
        plural = started.account_id is not None
        existing = self._environment.select(started.slug, started.owner, started.account_id, plural)
        if existing is None or started.intent == "add":
            existing = self._environment.add(
                ConnectedAccount(
                    slug=started.slug,
                    integration_id=integration.id,
                    owner=started.owner.kind,
                    user_id=started.owner.user_id,
                    organization_id=started.owner.organization_id,
                    account_identifier=self._environment.user(started.acting_user_id).email,
                ),
                intent=started.intent,
            )
        existing.state, existing.state_reason, existing.refreshable = "connected", None, True
        existing.scopes = list(integration.scopes or existing.scopes)
        existing.established_by_user_id = started.acting_user_id
        existing.config |= started.config
        if started.display_name is not None:
            existing.account_display_name = started.display_name
        existing.touch()
        return existing
