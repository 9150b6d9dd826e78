"""Puts the gateway together: view, tools, endpoint, ports."""

import asyncio
import logging
import socket
from collections.abc import Coroutine
from importlib import metadata
from typing import Any

from aiohttp import web

from pipes_api.clock import boottime
from pipes_live.client import SessionService
from pipes_live.health import health_app
from pipes_live.inflight import InFlight
from pipes_live.settings import ServiceSettings
from pipes_live.usage import UsageReporter

from .bearer import BearerCheck
from .dispatch import Dispatch
from .dispatch.select import open_dispatch
from .facts import Facts
from .listening import BoundedSite, Newcomers, bind
from .mcp.changes import Changes
from .mcp.endpoint import Endpoint
from .metrics import Metrics
from .own import own_tools
from .provider import ProviderCalls
from .settings import GatewaySettings
from .tools import AllTools

log = logging.getLogger(__name__)

PATH = "/mcp"
LOOK_EVERY_SECONDS = 1.0
"""Leases and sessions end by time alone too, so the tool list is looked at also when nothing is told."""


class Gateway:
    """One running gateway: `start`, then `stop`. `mcp_port` and `health_port` are what was bound."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self.service = SessionService(
            ServiceSettings(
                url=settings.operator_url, ca_file=settings.ca_file, token_file=settings.operator_token_file
            )
        )
        self.view = self.service.view
        self.metrics = Metrics()
        self.changes = Changes()
        self.facts = Facts(self.view)
        self._usage = UsageReporter(self.service)
        self._tasks: list[asyncio.Task[None]] = []
        self._runners: list[web.AppRunner] = []
        self._open = False
        self.mcp_port = 0
        self.health_port = 0
        self._fingerprint: object = None
        self._dispatch: Dispatch | None = None

    async def start(self) -> None:
        """Bind, connect to the session service, wait for its first snapshot (not for ever), and open the endpoint.

        Raises:
            CannotListen: a port is taken.
        """
        settings = self._settings
        health = bind((settings.health_listen,), settings.health_port)
        try:
            sockets = bind(settings.listen, settings.port)
        except Exception:
            health[0].close()
            raise
        self.mcp_port, self.health_port = sockets[0].getsockname()[1], health[0].getsockname()[1]
        await self._serve_health(health[0])
        self._dispatch = await open_dispatch(settings, self.service, self._usage)
        self.endpoint = Endpoint(
            self._all_tools(self._dispatch),
            self.changes,
            version=metadata.version("pipes-mcp"),
            authenticate=BearerCheck(self.facts, self.service),
            clock=boottime,
        )
        self._spawn(self.service.run())
        self._spawn(self._usage.run())
        if not await self.service.synchronized(settings.start_seconds):
            log.warning("no snapshot within %g s: the endpoint opens with the own tools only", settings.start_seconds)
        self.view.on_change(lambda _: self._look_at_tools())
        self._look_at_tools()
        self._spawn(self._look())
        await self._serve_mcp(sockets)
        self._open = True
        log.info("MCP at http://127.0.0.1:%d%s", self.mcp_port, PATH)

    async def stop(self) -> None:
        """End streams in order, cancel what runs, close every connection."""
        self._open = False
        self.changes.close()
        for runner in reversed(self._runners):
            await runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._dispatch is not None:
            await self._dispatch.close()
        await self.service.close()

    def _all_tools(self, dispatch: Dispatch) -> AllTools:
        self._in_flight = InFlight(self.view)
        calls = ProviderCalls(
            self.facts, dispatch, self._in_flight, self._usage, self.metrics, seconds=self._settings.call_seconds
        )
        self._tools = AllTools(own_tools(self.view, self.service), self.facts, calls, self._settings.discovery)
        return self._tools

    async def _serve_health(self, sock: socket.socket) -> None:
        runner = web.AppRunner(
            health_app(self.metrics.exposition, lambda: "" if self._open else "starting"), access_log=None
        )
        await runner.setup()
        self._runners.append(runner)
        await web.SockSite(runner, sock).start()

    async def _serve_mcp(self, sockets: list[socket.socket]) -> None:
        newcomers = Newcomers()
        app = web.Application(middlewares=[newcomers.middleware])
        app.router.add_route("*", PATH, self.endpoint.handle)
        runner = web.AppRunner(
            app,
            # On 2026-07-28 a client that leaves has cancelled; aiohttp would let the handler go on.
            handler_cancellation=True,
            # The query string may hold what people mistake for a credential.
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=75,
            # After an answer that did not need the whole body, so long is read on before the connection is closed.
            lingering_time=1,
            shutdown_timeout=5,
        )
        await runner.setup()
        self._runners.append(runner)
        for sock in sockets:
            await BoundedSite(runner, sock, self._settings.maximum_connections, newcomers).start()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    def _look_at_tools(self) -> None:
        self.metrics.stream_is(connected=self.view.connected)
        fingerprint = self._tools.fingerprint()
        if fingerprint != self._fingerprint:
            self._fingerprint = fingerprint
            self.changes.tell()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            self._look_at_tools()
            self._in_flight.look()
            self.endpoint.sessions.forget_idle()
            self.metrics.mcp_sessions_are(len(self.endpoint.sessions))
