"""A gateway in this process, between a session service and a broker on real TLS sockets."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.broker_server import BROKER_TOKEN, BrokerServer
from gateway.waiting import until_decided
from gateway.wire import Wire
from live import things
from live.session_service import SessionServiceServer
from pipes_gateway import app
from pipes_gateway.app import Gateway
from pipes_gateway.settings import GatewaySettings


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[SessionServiceServer]:
    server = SessionServiceServer(tmp_path)
    server.definitions = things.definitions()
    for name in things.TOOLS:
        server.put(things.binding(name))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[BrokerServer]:
    server = BrokerServer(tmp_path / "broker")
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def settings(service: SessionServiceServer, broker: BrokerServer, tmp_path: Path) -> GatewaySettings:
    # One file for both: what a CA file of two certificates is.
    ca = tmp_path / "both.crt"
    ca.write_bytes(service.ca_file.read_bytes() + broker.ca_file.read_bytes())
    token = tmp_path / "broker-token"
    token.write_text(BROKER_TOKEN)
    return GatewaySettings(
        listen=("127.0.0.1",),
        port=0,
        health_port=0,
        operator_url=service.url,
        broker_url=broker.url,
        ca_file=ca,
        operator_token_file=service.token_file,
        broker_token_file=token,
    )


Start = Callable[[GatewaySettings], Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a gateway with other settings than the fixture `gateway`."""
    async with AsyncExitStack() as stack:

        async def run(settings: GatewaySettings) -> Gateway:
            gateway = Gateway(settings)
            stack.push_async_callback(gateway.stop)
            await gateway.start()
            return gateway

        yield run


@pytest.fixture
async def gateway(settings: GatewaySettings, start: Start) -> Gateway:
    started: Gateway = await start(settings)
    return started


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(skip_auto_headers=["User-Agent"]) as session:
        yield session


@pytest.fixture
async def wire(gateway: Gateway, http: aiohttp.ClientSession) -> Wire:
    return Wire(http, f"http://127.0.0.1:{gateway.mcp_port}/mcp")


@pytest.fixture
def no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends a call here is what was told, not the look that the gateway takes every second."""
    monkeypatch.setattr(app, "LOOK_EVERY_SECONDS", 3600)


@pytest.fixture
async def approved(no_ticks: None, gateway: Gateway, service: SessionServiceServer) -> None:
    """A live session for Snowflake."""
    service.put(things.session())
    await until_decided(gateway, "snowflake_query", None)
