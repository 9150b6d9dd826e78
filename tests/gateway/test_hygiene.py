"""Bounded whatever comes: bodies, connections, sockets that say nothing; and pages on the web kept out."""

import asyncio
import json
import resource
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from gateway.conftest import Start
from gateway.wire import LEGACY, Wire, modern
from pipes_gateway import listening
from pipes_gateway.app import Gateway
from pipes_gateway.listening import CannotListen, bind
from pipes_gateway.mcp import guard
from pipes_gateway.settings import GatewaySettings


async def raw(port: int, *parts: bytes, pause: float = 0) -> bytes:
    """What comes back for these bytes, until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


HEAD = (
    b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Accept: application/json, text/event-stream\r\n"
)


async def test_a_body_beyond_the_limit_is_413_before_it_is_read(gateway: Gateway) -> None:
    answer = await raw(gateway.mcp_port, HEAD + b"Content-Length: 4194305\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"id":null' in answer


async def test_a_chunked_body_beyond_the_limit_is_413(wire: Wire) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"[" * 65536

    headers = {"Content-Type": "application/json", "Accept": "*/*"}
    async with wire.http.post(wire.url, data=endless(), headers=headers) as response:
        assert response.status == 413


async def test_a_body_at_the_limit_is_read(wire: Wire) -> None:
    body, headers = modern("tools/list")
    text = json.dumps(body)
    padded = text + " " * (guard.MAXIMUM_BODY - len(text))
    assert (await wire.post(padded, headers)).status == 200


async def test_a_body_that_does_not_come_is_408(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)
    answer = await raw(gateway.mcp_port, HEAD + b"Content-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_sockets_that_send_a_byte_now_and_then_are_closed(
    settings: GatewaySettings, start: Start, monkeypatch: pytest.MonkeyPatch, http: aiohttp.ClientSession
) -> None:
    """A17: slow heads; a good call gets through meanwhile."""
    monkeypatch.setattr(listening.Newcomers.__init__, "__defaults__", (0.3,))
    gateway: Gateway = await start(settings)
    wire = Wire(http, f"http://127.0.0.1:{gateway.mcp_port}/mcp")
    slow = [asyncio.create_task(raw(gateway.mcp_port, *[b"P", b"O", b"S"], pause=0.05)) for _ in range(50)]
    await asyncio.sleep(0.1)
    assert (await wire.modern("tools/list")).status == 200
    async with asyncio.timeout(3):
        assert set(await asyncio.gather(*slow)) == {b""}


async def test_a_kept_connection_is_no_newcomer(
    settings: GatewaySettings, start: Start, monkeypatch: pytest.MonkeyPatch, http: aiohttp.ClientSession
) -> None:
    monkeypatch.setattr(listening.Newcomers.__init__, "__defaults__", (0.1,))
    gateway: Gateway = await start(settings)
    wire = Wire(http, f"http://127.0.0.1:{gateway.mcp_port}/mcp")
    await wire.modern("tools/list")
    [connection] = gateway._runners[1].server.connections  # type: ignore[union-attr]
    await asyncio.sleep(0.2)
    await wire.modern("tools/list")
    assert gateway._runners[1].server.connections == [connection]  # type: ignore[union-attr]


async def test_connections_are_bounded_and_told_to_come_back(
    settings: GatewaySettings, start: Start, http: aiohttp.ClientSession
) -> None:
    gateway: Gateway = await start(msgspec.structs.replace(settings, maximum_connections=3))
    open_ones = [await asyncio.open_connection("127.0.0.1", gateway.mcp_port) for _ in range(3)]
    await asyncio.sleep(0.05)
    refused = await raw(gateway.mcp_port, b"")
    head, _, body = refused.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After:" in head
    assert json.loads(body)["error"]["code"] == 503
    async with http.get(f"http://127.0.0.1:{gateway.health_port}/healthz") as response:
        assert response.status == 200, "probes have a port of their own"
    for _, writer in open_ones:
        writer.close()


async def test_a_flood_of_sessions_leaves_memory_and_good_calls_alone(wire: Wire, gateway: Gateway) -> None:
    params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "p", "version": "0"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    good = await wire.initialize()

    async def flood(times: int) -> None:
        for _ in range(times):
            await wire.post(body, {})

    await flood(600)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await asyncio.gather(*(flood(150) for _ in range(8)))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert len(gateway.endpoint.sessions) == 512
    assert grown < 10 * 1024, f"{grown} KiB"
    assert (await wire.legacy(good, "tools/list")).status == 200


async def test_random_ids_and_methods_open_no_session(
    wire: Wire, gateway: Gateway, http: aiohttp.ClientSession
) -> None:
    for number in range(50):
        for method in ("GET", "HEAD", "OPTIONS", "DELETE", "PATCH"):
            async with http.request(method, wire.url, headers={"Mcp-Session-Id": f"random-{number}"}) as response:
                assert response.status in (404, 405)
    assert len(gateway.endpoint.sessions) == 0


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("header", "status"), [({"Origin": "http://evil.example"}, 403), ({"Host": "evil.example:8765"}, 421)]
)
async def test_pages_on_the_web_reach_no_method(
    wire: Wire, http: aiohttp.ClientSession, method: str, header: dict[str, str], status: int
) -> None:
    """A18"""
    session = await wire.initialize()
    async with http.request(method, wire.url, headers={**session, "Accept": "*/*", **header}) as response:
        assert response.status == status
        assert "Access-Control-Allow-Origin" not in response.headers
    assert (await wire.legacy(session, "ping")).status == 200


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "localhost:1", "LOCALHOST:8765", "127.0.0.1:65535", "[::1]:9"]
)
async def test_loopback_by_any_of_its_names_passes(wire: Wire, host: str) -> None:
    assert (await wire.modern("tools/list", Host=host)).status == 200
    assert (await wire.modern("tools/list", Origin=f"http://{host}")).status == 200


@pytest.mark.parametrize(
    "host", ["127.0.0.1.evil.example", "localhost.evil", "127.0.0.2", "0.0.0.0", "[::]", "localhost:", "localhost:x"]
)
async def test_other_hosts_do_not(wire: Wire, host: str) -> None:
    assert (await wire.modern("tools/list", Host=host)).status == 421
    assert (await wire.modern("tools/list", Origin=f"http://{host}")).status == 403


async def test_other_paths_are_not_found(wire: Wire, http: aiohttp.ClientSession) -> None:
    for path in ("/", "/mcp/", "/sse", "/.well-known/oauth-protected-resource"):
        async with http.get(wire.url.replace("/mcp", path)) as response:
            assert response.status == 404


def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"):
            bind(("127.0.0.1",), port)


def test_both_loopbacks_have_one_port_where_there_are_two() -> None:
    sockets = bind(("127.0.0.1", "::1"), 0)
    try:
        assert len({each.getsockname()[1] for each in sockets}) == 1
        assert len(sockets) == (2 if Path("/proc/net/if_inet6").exists() else 1)
    finally:
        for each in sockets:
            each.close()
