"""Revisions with a handshake: versions, sessions that come and go, and how many there may be."""

import asyncio

import aiohttp
import pytest

from gateway.wire import LEGACY, Wire, modern
from pipes_gateway.app import Gateway
from pipes_gateway.mcp.legacy import (
    IDLE_SECONDS,
    MAXIMUM_STREAMS,
    SPARED_SECONDS,
    STREAMS_A_SESSION,
    Full,
    McpSession,
    McpSessions,
)


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_every_revision_is_spoken(wire: Wire, version: str) -> None:
    session = await wire.initialize(version)
    assert (await wire.legacy(session, "ping")).result == {}
    listed = (await wire.legacy(session, "tools/list")).result
    assert "resultType" not in listed
    assert listed["tools"][0]["name"] == "list_connections"
    called = (await wire.legacy(session, "tools/call", {"name": "list_connections"})).result
    assert called["content"][0]["type"] == "text"
    without_version = {"Mcp-Session-Id": session["Mcp-Session-Id"]}
    assert (await wire.legacy(without_version, "ping")).status == 200


async def test_an_unknown_session_is_404_with_the_id_and_initialize_heals_it(wire: Wire) -> None:
    """A01: what a client meets after the gateway was restarted."""
    stale = {"Mcp-Session-Id": "from-before", "MCP-Protocol-Version": LEGACY}
    answer = await wire.legacy(stale, "tools/list", request_id="r-9")
    assert (answer.status, answer.body["id"]) == (404, "r-9")
    params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "p", "version": "0"}}
    again = await wire.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}, stale)
    assert again.status == 200
    fresh = again.headers["Mcp-Session-Id"]
    assert fresh != "from-before"
    assert (await wire.legacy({"Mcp-Session-Id": fresh}, "tools/list")).status == 200


async def test_delete_ends_a_session(wire: Wire, http: aiohttp.ClientSession) -> None:
    session = await wire.initialize()
    async with http.delete(wire.url, headers=session) as response:
        assert response.status == 204
    assert (await wire.legacy(session, "ping")).status == 404


async def test_a_request_without_a_session_is_told_how_to_begin(wire: Wire) -> None:
    answer = await wire.legacy({}, "tools/list")
    assert answer.status == 400
    assert "initialize" in answer.body["error"]["message"]


@pytest.mark.parametrize("method", ["resources/list", "prompts/list", "logging/setLevel", "completion/complete"])
async def test_what_is_not_served_is_an_error_in_an_answer(wire: Wire, method: str) -> None:
    session = await wire.initialize()
    answer = await wire.legacy(session, method)
    assert (answer.status, answer.code) == (200, -32601)


async def test_a_modern_header_on_a_legacy_body_is_told_what_is_missing(wire: Wire) -> None:
    """A02"""
    session = await wire.initialize()
    session["MCP-Protocol-Version"] = "2026-07-28"
    answer = await wire.legacy(session, "tools/list", request_id=5)
    assert (answer.status, answer.code, answer.body["id"]) == (400, -32602, 5)


async def test_an_unknown_version_is_told_what_discover_tells(wire: Wire) -> None:
    unknown = "2031-01-01"
    body, headers = modern("tools/list", meta={"io.modelcontextprotocol/protocolVersion": unknown})
    refused = await wire.post(body, {**headers, "MCP-Protocol-Version": unknown})
    assert (refused.status, refused.code) == (400, -32022)
    discovered = (await wire.modern("server/discover")).result["supportedVersions"]
    assert refused.body["error"]["data"] == {"supported": discovered, "requested": unknown}
    assert unknown in refused.body["error"]["message"]
    assert "2025-11-25" in refused.body["error"]["message"]


async def test_a_wrong_probe_spoils_nothing(wire: Wire) -> None:
    """A04: the same connection goes on with a right request of either era."""
    body, headers = modern("server/discover", request_id="p")
    wrong = await wire.post(body, {**headers, "Mcp-Method": "initialize"})
    assert (wrong.status, wrong.code, wrong.body["id"]) == (400, -32020, "p")
    assert "Mcp-Method" in wrong.body["error"]["message"]
    await wire.initialize()
    discovered = (await wire.modern("server/discover")).result
    assert discovered["supportedVersions"] == ["2026-07-28"]
    assert discovered["cacheScope"] == "private"
    assert discovered["capabilities"] == {"tools": {"listChanged": True}}


async def test_the_streams_of_a_session_are_bounded(wire: Wire, http: aiohttp.ClientSession, gateway: Gateway) -> None:
    session = await wire.initialize()
    headers = {**session, "Accept": "text/event-stream"}
    streams = [await http.get(wire.url, headers=headers) for _ in range(STREAMS_A_SESSION)]
    assert {each.status for each in streams} == {200}
    async with http.get(wire.url, headers=headers) as refused:
        assert refused.status == 503
        assert "Retry-After" in refused.headers
    streams[0].close()
    async with asyncio.timeout(3):
        while gateway.endpoint.sessions.streams == STREAMS_A_SESSION:
            await asyncio.sleep(0.005)
    async with http.get(wire.url, headers=headers) as accepted:
        assert accepted.status == 200
    for each in streams:
        each.close()


# -- the store, with a clock of its own ------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def used(sessions: McpSessions) -> McpSession:
    session = sessions.open(LEGACY)
    assert sessions.find(session.id) is session
    return session


def test_sessions_that_never_got_beyond_initialize_make_room_first() -> None:
    sessions = McpSessions(Clock(), maximum=3)
    kept = [used(sessions), used(sessions)]
    for _ in range(20_000):
        sessions.open(LEGACY)
    assert len(sessions) == 3
    assert all(sessions.find(each.id) is each for each in kept)


def test_when_all_are_in_use_a_new_one_has_to_wait() -> None:
    clock = Clock()
    sessions = McpSessions(clock, maximum=2)
    first, second = used(sessions), used(sessions)
    with pytest.raises(Full):
        sessions.open(LEGACY)
    clock.now += SPARED_SECONDS + 1
    assert sessions.find(second.id) is second
    sessions.open(LEGACY)
    assert sessions.find(first.id) is None


def test_idle_sessions_are_forgotten_and_those_with_a_stream_are_not() -> None:
    clock = Clock()
    sessions = McpSessions(clock)
    idle, listening = used(sessions), used(sessions)
    sessions.open_stream(listening)
    clock.now += IDLE_SECONDS + 1
    sessions.forget_idle()
    assert len(sessions) == 1
    assert sessions.find(idle.id) is None
    assert sessions.find(listening.id) is listening


def test_streams_are_bounded_over_all_sessions() -> None:
    sessions = McpSessions(Clock())
    for _ in range(MAXIMUM_STREAMS // STREAMS_A_SESSION):
        session = used(sessions)
        for _ in range(STREAMS_A_SESSION):
            sessions.open_stream(session)
    another = used(sessions)
    with pytest.raises(Full):
        sessions.open_stream(another)
    sessions.close_stream(session)
    sessions.open_stream(another)


async def test_the_end_of_a_session_cancels_what_it_has_running() -> None:
    sessions = McpSessions(Clock())
    session = used(sessions)
    tasks = [asyncio.create_task(asyncio.sleep(60, {"a": 1})) for _ in range(2)]
    for task in tasks:
        session.started(1, task)
    sessions.close(session)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)
    assert not session.running
