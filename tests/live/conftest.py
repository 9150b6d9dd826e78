"""A session service on a real TLS socket, and a client of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from live import things
from live.session_service import SessionServiceServer
from pipes_live.client import SessionService
from pipes_live.settings import ServiceSettings
from pipes_live.view import LiveView


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SessionServiceServer]:
    started = SessionServiceServer(tmp_path)
    started.definitions = things.definitions()
    started.put(things.binding())
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
def settings(server: SessionServiceServer) -> ServiceSettings:
    return ServiceSettings(url=server.url, ca_file=server.ca_file, token_file=server.token_file, silence_seconds=5)


@pytest.fixture
async def client(settings: ServiceSettings) -> AsyncIterator[SessionService]:
    async with SessionService(settings) as service:
        task = asyncio.create_task(service.run(pause=lambda _: asyncio.sleep(0.01)))
        yield service
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def view(client: SessionService) -> LiveView:
    assert await client.synchronized(5)
    return client.view


async def until(view: LiveView, holds: Callable[[], bool]) -> None:
    """Wait for the view to change so that it holds."""
    changed = asyncio.Event()
    view.on_change(lambda _: changed.set())
    async with asyncio.timeout(5):
        while not holds():
            changed.clear()
            await changed.wait()
