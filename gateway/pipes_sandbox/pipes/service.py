"""The Pipes API at `api.workos.com`: routes, the API key, request ids and idempotency."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.pipes import errors
from pipes_sandbox.pipes.authorization import Authorization
from pipes_sandbox.pipes.connections import Connections
from pipes_sandbox.pipes.integrations import Integrations
from pipes_sandbox.pipes.model import new_id
from pipes_sandbox.pipes.relay import METHODS, Relay
from pipes_sandbox.pipes.secrets import SecretConnections
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.pipes.vending import TenantOf, Vending
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import TokenBook

_REMEMBERED_KEYS = 1_000


class PipesService(Service):
    name = "pipes"
    prefixes = ("/data-integrations", "/user_management", "/organizations", "/relay/")

    def __init__(
        self,
        environment: Environment,
        tokens: TokenBook,
        tenants: Mapping[str, TenantOf],
        *,
        api_key: str,
        lifetime: float,
    ) -> None:
        super().__init__()
        self._api_key = api_key
        self._answers: OrderedDict[str, tuple[str, int, bytes]] = OrderedDict()
        vending = Vending(environment, tokens, lifetime, tenants)
        connections = Connections(environment, tokens)
        secret_connections = SecretConnections(environment)
        integrations = Integrations(environment, secret_connections)
        authorization = Authorization(environment)
        add, root = self.router.add, "/data-integrations"
        add("GET", root, integrations.list)
        add("POST", root, integrations.create)
        add("POST", f"{root}/finish", authorization.finish)
        for path in (f"{root}/{{slug}}", f"{root}/{{slug}}/organization"):
            add("GET", path, integrations.get)
            add("PUT", path, integrations.update)
            add("DELETE", path, integrations.delete)
        add("GET", f"{root}/{{key}}/authorize-redirect", authorization.consent)
        add("POST", f"{root}/{{slug}}/authorize", authorization.authorize)
        add("POST", f"{root}/{{slug}}/token", vending.token)
        add("POST", f"{root}/{{slug}}/credentials", vending.credentials)
        add("PUT", f"{root}/{{slug}}/api-key", secret_connections.put_api_key)
        add("POST", f"{root}/{{slug}}/api-key", secret_connections.add_api_key)
        add("PUT", f"{root}/{{slug}}/client-credentials", secret_connections.put_client_credentials)
        add("POST", f"{root}/{{slug}}/client-credentials", secret_connections.add_client_credentials)
        add("GET", "/user_management/users/{user_id}/data_providers", integrations.user_providers)
        add("GET", "/organizations/{organization_id}/data_providers", integrations.organization_providers)
        relay = Relay(environment, vending)
        for method in METHODS:
            add(method, "/relay/{slug}/{path*}", relay.forward)
        for owner in ("/user_management/users/{user_id}", "/organizations/{organization_id}"):
            path = f"{owner}/connected_accounts/{{slug}}"
            add("GET", path, connections.get)
            add("POST", path, connections.create)
            add("PUT", path, connections.update)
            add("DELETE", path, connections.delete)

    def serves(self, host: str) -> bool:
        return host in ("api.workos.com", "api.workos-test.com")

    def authenticate(self, call: Call) -> None:
        if call.path.endswith("/authorize-redirect"):
            return
        if not hmac.compare_digest((call.bearer() or "").encode(), self._api_key.encode()):
            raise errors.unauthorized()

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        if allowed:
            return errors.refused(405, None, "Method Not Allowed")
        return errors.refused(404, None, f"Cannot {call.method} {call.path}")

    async def handle(self, call: Call) -> web.StreamResponse:
        """An `Idempotency-Key` seen before gets the first answer again, or a refusal if the request differs."""
        key = call.header("Idempotency-Key") if call.method == "POST" else ""
        digest = hashlib.sha256(b"\0".join((call.path.encode(), call.body))).hexdigest()
        if key and key in self._answers:
            seen, status, body = self._answers[key]
            if seen != digest:
                response: web.StreamResponse = errors.refused(
                    409, "idempotency_key_reused", "The idempotency key was used for another request."
                ).response()
            else:
                response = web.Response(status=status, body=body, content_type="application/json")
        else:
            response = await super().handle(call)
            if key and isinstance(response, web.Response) and response.status < 300:
                self._answers[key] = (digest, response.status, _bytes(response))
                while len(self._answers) > _REMEMBERED_KEYS:
                    self._answers.popitem(last=False)
        response.headers["X-Request-ID"] = new_id("req")
        return response


def _bytes(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""
