"""Listening: plain http on loopback, and https beside it when asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from pipes_sandbox import tls
from pipes_sandbox.app import build
from pipes_sandbox.settings import Settings


@dataclass(frozen=True, slots=True)
class Endpoints:
    url: str
    tls_url: str | None = None
    ca_file: Path | None = None


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Endpoints]:
    """A sandbox that listens for as long as the block lasts.

    Raises OSError when a port is taken and ValueError when the seed does not describe a world.
    """
    # Handlers are cancelled when their client goes, so that the record tells an abandoned call from a finished one.
    runner = web.AppRunner(build(settings), handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        url = f"http://{_authority(settings.host, _port(site))}"
        if settings.tls_port is None:
            yield Endpoints(url)
            return
        made = tls.create(settings.tls_directory)
        secure = web.TCPSite(runner, settings.host, settings.tls_port, ssl_context=made.context)
        await secure.start()
        yield Endpoints(url, f"https://{_authority(settings.host, _port(secure))}", made.ca_file)
    finally:
        await runner.cleanup()


async def serve(settings: Settings) -> None:
    """Runs a sandbox until cancelled."""
    async with running(settings):
        await asyncio.Event().wait()


def _port(site: web.TCPSite) -> int:
    server = site._server
    assert isinstance(server, asyncio.Server)
    return int(server.sockets[0].getsockname()[1])


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
