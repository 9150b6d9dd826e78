"""Puts the broker together: view, egress, certificate, ports."""

import asyncio
import logging
import socket
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from pipes_live.client import SessionService
from pipes_live.command import CannotRun
from pipes_live.health import health_app
from pipes_live.places import Places
from pipes_live.settings import ServiceSettings
from pipes_live.usage import UsageReporter
from pipes_live.view import ViewChange

from ..egress import Egress
from .calls import BrokerCalls
from .certificate import ServingCertificate
from .discovery import Discovery
from .metrics import Metrics
from .reviews import TokenReviews
from .routes import Routes
from .settings import BrokerSettings

log = logging.getLogger(__name__)


class CannotListen(CannotRun):
    """One line that says which address, and why."""


class Broker:
    """One running broker: `start`, then `stop`. `port` and `health_port` are what was bound."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self.service = SessionService(
            ServiceSettings(url=settings.operator_url, ca_file=settings.ca_file, token_file=settings.token_file)
        )
        self.view = self.service.view
        self.metrics = Metrics()
        self.certificate = ServingCertificate(self.service, settings.names)
        self._usage = UsageReporter(self.service)
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._serving = False
        self.port = 0
        self.health_port = 0

    async def start(self) -> None:
        """Bind, open the stream, get a certificate (waiting for the operator as long as it takes), and serve.

        Raises:
            CannotListen: a port is taken.
            ValueError: the API server's address cannot be learned.
        """
        settings = self._settings
        health = _bind(settings.health_listen, settings.health_port)
        try:
            serving = _bind(settings.listen, settings.port)
        except CannotListen:
            health.close()
            raise
        self.port, self.health_port = serving.getsockname()[1], health.getsockname()[1]
        await self._site(health_app(self.metrics.exposition, self._not_ready), health)
        reviews = await self._stack.enter_async_context(TokenReviews(settings.kubeconfig, settings.review_seconds))
        egress = await self._stack.enter_async_context(Egress(settings))
        places = Places(self.service, self._usage)
        self._stack.push_async_callback(places.release)
        calls = BrokerCalls(self.view, egress, places, self._usage)
        discovery = Discovery(self.view, egress, self.service, settings.discover_seconds)
        await self._stack.enter_async_context(discovery)
        self.view.on_change(self._changed)
        self._spawn(self.service.run())
        self._spawn(self._usage.run())
        self._spawn(calls.in_flight.watch())
        self._spawn(egress.warm())
        await self.certificate.obtain()
        self._spawn(self.certificate.run())
        app = web.Application(client_max_size=settings.body_bytes)
        Routes(calls, reviews, self.service, self.metrics).mount(app.router)
        await self._site(app, serving, tls=True)
        self._serving = True
        log.info("serving calls on port %d", self.port)

    async def stop(self) -> None:
        """Cancel what runs, at the providers too, and close everything."""
        self._serving = False
        await self._usage.flush()
        await self._stack.aclose()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.service.close()

    async def _site(self, app: web.Application, sock: socket.socket, *, tls: bool = False) -> None:
        # A gateway that hangs up has cancelled the call; aiohttp would let the handler go on.
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        context = self.certificate.context if tls else None
        await web.SockSite(runner, sock, ssl_context=context, backlog=1024).start()

    def _not_ready(self) -> str:
        if not self.view.synchronized:
            return "the session service has not been reached yet"
        if not self._serving:
            return "there is no serving certificate yet"
        return "" if self.certificate.is_valid else "the serving certificate has run out"

    def _changed(self, _: ViewChange) -> None:
        self.metrics.stream_is(connected=self.view.connected)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(_tell_failure)
        self._tasks.append(task)


def _tell_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a task of the broker ended: %s", error, exc_info=error)


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise CannotListen(f"cannot listen on {address} port {port}: {error.strerror}") from None
    return bound
