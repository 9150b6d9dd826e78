"""The front door: finds the service a call is meant for, records the call, and lets faults strike."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from aiohttp import web

from pipes_sandbox.admin import AdminApi
from pipes_sandbox.call import HOST_HEADER, Call
from pipes_sandbox.faults import Fault
from pipes_sandbox.faults.effects import ConnectionGoneError, strike
from pipes_sandbox.recorder import RecordedCall
from pipes_sandbox.service import Service
from pipes_sandbox.settings import Settings
from pipes_sandbox.world import World

_BODY_LIMIT = 128 * 1024 * 1024
WORLD = web.AppKey("world", World)


def build(settings: Settings) -> web.Application:
    """The sandbox as an application; its world lives as long as the application.

    Raises ValueError when the seed does not describe a world.
    """
    world = World(settings)
    app = web.Application(client_max_size=_BODY_LIMIT)
    app[WORLD] = world
    AdminApi(world, settings.admin_token).mount(app.router)
    app.router.add_route("*", "/{path:.*}", FrontDoor(world).serve)
    app.on_cleanup.append(_close)
    return app


async def _close(app: web.Application) -> None:
    await app[WORLD].close()


class FrontDoor:
    def __init__(self, world: World) -> None:
        self._world = world

    async def serve(self, request: web.Request) -> web.StreamResponse:
        host = request.headers.get(HOST_HEADER, "").lower().partition(":")[0]
        path, _, query = request.raw_path.partition("?")
        if "://" in path:
            path = urlsplit(path).path
        service = self._service(host, path)
        call = Call(request, host, path, b"")
        record = self._world.recorder.arrived(
            service=service.name if service else "",
            host=host,
            method=request.method,
            path=path,
            query=query,
            headers=request.headers,
            token=self._world.describe_credential(call.bearer()),
        )
        try:
            response = await self._answer(request, call, record, service)
        except ConnectionGoneError:
            record.end(None)
            # Nothing can be written any more; aiohttp notices the closed transport and lets go quietly.
            return web.Response(status=499)
        except (asyncio.CancelledError, ConnectionError):
            record.end(None, aborted=True)
            raise
        except Exception:
            record.end(500)
            raise
        record.end(response.status)
        return response

    async def _answer(
        self, request: web.Request, call: Call, record: RecordedCall, service: Service | None
    ) -> web.StreamResponse:
        call.body = await request.read()
        record.see_body(call.body)
        fault = self._fault(record, call)

        async def from_service() -> web.StreamResponse:
            return await service.handle(call) if service else _nobody(call)

        if fault is None:
            return await from_service()
        record.fault = fault.effect
        return await strike(fault, request, from_service)

    def _fault(self, record: RecordedCall, call: Call) -> Fault | None:
        return self._world.faults.take(
            {
                "service": record.service,
                "host": record.host,
                "method": record.method,
                "path": record.path,
                "query": record.query,
                "body": call.body[:65_536].decode("utf-8", "replace"),
            }
        )

    def _service(self, host: str, path: str) -> Service | None:
        """The host's service; of several that share a host, the one whose path it is."""
        there = [each for each in self._world.services if not host or each.serves(host)]
        meant = [each for each in there if path.startswith(each.prefixes)]
        return next(iter(meant or (there if host else ())), None)


def _nobody(call: Call) -> web.Response:
    asked = f"host {call.host!r}" if call.host else f"path {call.path!r}"
    message = f"the sandbox stands in for nobody at {asked}"
    return web.json_response({"error": "sandbox_unknown_host", "message": message}, status=502)
