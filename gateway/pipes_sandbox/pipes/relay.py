"""The relay (`/relay/{slug}/{path}`): forwards a request to the provider with the credential of the person it names.

It goes over HTTP to the sandbox itself, so that the provider's stand-in answers, the record shows the call, and faults
strike it, as for any other.
"""

from __future__ import annotations

from urllib.parse import quote

import aiohttp
from aiohttp import web
from yarl import URL

from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.pipes import errors
from pipes_sandbox.pipes.integrations import BUILT_IN
from pipes_sandbox.pipes.model import USER, ConnectedAccount
from pipes_sandbox.pipes.store import Environment, Owner
from pipes_sandbox.pipes.vending import Vending

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
LARGEST_BODY = 5 * 1024 * 1024
UPSTREAM_SECONDS = 30.0
UPSTREAM_STATUS = "X-Relay-Upstream-Status"

_HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)
_STRIPPED = _HOP_BY_HOP | {"cookie", "host", "via", "authorization", "content-length", "accept-encoding"}
_PREFIXES = ("x-forwarded-", "x-relay-", "x-workos-", "pipes-sandbox-")


class Relay:
    def __init__(self, environment: Environment, vending: Vending) -> None:
        self._environment = environment
        self._vending = vending

    async def forward(self, call: Call) -> web.Response:
        slug = call.parameters["slug"]
        if call.header("X-Relay-Provider") not in ("", slug):
            raise _refused(400, "relay_provider_conflict", "The path and X-Relay-Provider name different providers.")
        if len(call.body) > LARGEST_BODY:
            raise errors.refused(413, None, "The request body is larger than 5 MB.")
        account = self._account(call, slug)
        credential = self._vending.credential_of(account)
        if credential is None:
            raise _refused(502, "relay_credential_error", "The credential could not be obtained.")
        return await self._upstream(call, slug, credential)

    def _account(self, call: Call, slug: str) -> ConnectedAccount:
        user_id = call.header("X-Relay-User")
        if not user_id:
            raise _refused(400, "relay_user_required", "X-Relay-User is required.")
        if user_id not in self._environment.users:
            raise _refused(400, "relay_user_not_found", "No such user in this environment.")
        if not any(each.slug == slug for each in self._environment.integrations):
            known = slug in BUILT_IN
            code = "relay_provider_not_configured" if known else "relay_provider_not_found"
            raise _refused(404, code, f"Provider {slug!r} is not {'configured' if known else 'known'}.")
        owner = Owner(USER, user_id, call.header("X-Relay-Organization") or None)
        account = next(iter(self._environment.connections(slug, owner)), None)
        if account is None or account.state != "connected":
            raise RefusalError(
                402,
                {
                    "code": "relay_authorization_required",
                    "connection": slug,
                    "message": f'User has not authorized provider "{slug}"',
                    "authorization_url": f"https://api.workos.com/data-integrations/{slug}/authorize-redirect",
                },
            )
        return account

    async def _upstream(self, call: Call, slug: str, credential: str) -> web.Response:
        rest = call.path.removeprefix(f"/relay/{quote(slug, safe='')}")
        query = call.request.rel_url.raw_query_string
        url = f"{call.request.url.origin()}{rest}{'?' + query if query else ''}"
        headers = {name: value for name, value in call.request.headers.items() if _passes(name)}
        headers["Authorization"] = f"Bearer {credential}"
        try:
            async with (
                aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(UPSTREAM_SECONDS)) as http,
                http.request(
                    call.method,
                    URL(url, encoded=True),
                    headers=headers,
                    data=call.body or None,
                    allow_redirects=False,
                ) as answer,
            ):
                body = await answer.read()
        except (TimeoutError, aiohttp.ClientError, ConnectionError):
            raise _refused(502, "relay_upstream_error", "The provider did not answer.") from None
        passed = {name: value for name, value in answer.headers.items() if _comes_back(name)}
        return web.Response(status=answer.status, body=body, headers={**passed, UPSTREAM_STATUS: str(answer.status)})


def _passes(name: str) -> bool:
    lower = name.lower()
    return lower not in _STRIPPED and not lower.startswith(_PREFIXES)


def _comes_back(name: str) -> bool:
    return name.lower() not in _HOP_BY_HOP | {"set-cookie", "content-length", "date", "server"}


def _refused(status: int, code: str, message: str) -> RefusalError:
    return errors.refused(status, code, message)
