"""`/_sandbox/…`: the record, faults and state, for tests and observers; never part of what a client sees."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from pipes_sandbox.faults import InvalidFaultError
from pipes_sandbox.world import UnknownAccountError, World

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_LONGEST_WAIT = 60.0
_FILTERS = ("service", "host", "method", "path")


class AdminApi:
    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token

    def mount(self, router: web.UrlDispatcher) -> None:
        router.add_get("/healthz", self._healthz)
        for method, path, handler in (
            ("GET", "/calls", self._calls),
            ("DELETE", "/calls", self._forget_calls),
            ("GET", "/faults", self._faults),
            ("PUT", "/faults", self._replace_faults),
            ("POST", "/faults", self._add_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("GET", "/state", self._state),
            ("POST", "/reset", self._reset),
            ("POST", "/tokens/end", self._end_tokens),
            ("PATCH", "/accounts/{account}", self._change_account),
        ):
            router.add_route(method, f"/_sandbox{path}", self._guarded(handler))

    def _guarded(self, handler: _Handler) -> _Handler:
        expected = f"Bearer {self._token}".encode()

        async def guarded(request: web.Request) -> web.StreamResponse:
            presented = request.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(presented, expected):
                return _error(401, "this is the sandbox's admin endpoint: send its admin token as bearer")
            try:
                return await handler(request)
            except (ValueError, TypeError, KeyError) as error:
                return _error(400, str(error))
            except UnknownAccountError as error:
                return _error(404, str(error))

        return guarded

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _calls(self, request: web.Request) -> web.Response:
        """`?since=N` newer than N; `&wait=S` first waits for one; `&service=`, `host`, `method`, `path` filter."""
        since = int(request.query.get("since", 0))
        if wait := min(float(request.query.get("wait", 0)), _LONGEST_WAIT):
            await self._world.recorder.wait(since, wait)
        equal = {name: request.query[name] for name in _FILTERS if name in request.query}
        return web.json_response(self._world.recorder.since(since, **equal))

    async def _forget_calls(self, _: web.Request) -> web.Response:
        self._world.recorder.reset()
        return web.Response(status=204)

    async def _faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": self._world.faults.as_json()})

    async def _replace_faults(self, request: web.Request) -> web.Response:
        document = await _object(request)
        faults = document.get("faults")
        if not isinstance(faults, list):
            raise InvalidFaultError('send {"faults": [...]}')
        self._world.faults.replace(faults)
        return await self._faults(request)

    async def _add_fault(self, request: web.Request) -> web.Response:
        return web.json_response(self._world.faults.add(await _object(request)).as_json(), status=201)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._world.faults.clear()
        return web.Response(status=204)

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response(await self._world.state())

    async def _reset(self, _: web.Request) -> web.Response:
        """Everything as the seed says; faults and record are emptied."""
        await self._world.reset()
        return web.Response(status=204)

    async def _end_tokens(self, request: web.Request) -> web.Response:
        document = await _object(request)
        unknown = set(document) - {"provider", "connected_account_id", "revoke"}
        if unknown:
            raise ValueError(f"unknown members {sorted(unknown)}")
        ended = self._world.tokens.end(
            provider=document.get("provider"),
            account_id=document.get("connected_account_id"),
            revoke=bool(document.get("revoke", False)),
        )
        return web.json_response({"ended": ended})

    async def _change_account(self, request: web.Request) -> web.Response:
        account = self._world.change_account(request.match_info["account"], await _object(request))
        return web.json_response(account)


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        document = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise ValueError(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError("the body must be a JSON object")
    return document


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
