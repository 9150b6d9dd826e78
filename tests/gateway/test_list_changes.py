"""What is listed, and who hears when it changes."""

import asyncio
import json
from typing import Any

import aiohttp
import msgspec
import pytest

from gateway.conftest import Start
from gateway.waiting import until_decided
from gateway.wire import BOTH, Wire, events, modern
from live import things
from live.session_service import SessionServiceServer
from pipes_api.resources import Access
from pipes_api.states import SessionState
from pipes_gateway.app import Gateway
from pipes_gateway.mcp import sse
from pipes_gateway.settings import GatewaySettings

CHANGED = "notifications/tools/list_changed"
OWN = ["list_connections", "request_session", "session_status", "end_session"]


async def tools(wire: Wire) -> dict[str, dict[str, Any]]:
    return {tool["name"]: tool for tool in (await wire.modern("tools/list")).result["tools"]}


async def test_all_that_may_be_asked_for_is_listed_in_a_fixed_order(wire: Wire, service: SessionServiceServer) -> None:
    listed = await tools(wire)
    provided = ["google_drive_search", "salesforce_create", "salesforce_query", "snowflake_query"]
    assert list(listed) == OWN + provided
    assert list(await tools(wire)) == list(listed)
    for name in provided:
        assert "Needs a session: call request_session" in listed[name]["description"]
        assert listed[name]["_meta"] == {"pipesmcp.io/granted": False}
    assert all(tool["inputSchema"]["type"] == "object" for tool in listed.values())
    assert all("properties" in tool["inputSchema"] for tool in listed.values())


async def test_hints_follow_what_a_tool_does(wire: Wire, gateway: Gateway, service: SessionServiceServer) -> None:
    listed = await tools(wire)
    hints = {
        name: (tool["annotations"]["readOnlyHint"], tool["annotations"]["destructiveHint"])
        for name, tool in listed.items()
    }
    assert hints["google_drive_search"] == (True, False)
    assert hints["salesforce_create"] == (False, True)
    assert hints["snowflake_query"] == (False, True), "its arguments may write"
    service.put(things.binding("snowflake", max_access=Access.READ))
    while (await tools(wire))["snowflake_query"]["annotations"]["readOnlyHint"] is not True:
        await asyncio.sleep(0.005)


async def test_a_grant_shows_and_the_rest_stays_marked(
    wire: Wire, gateway: Gateway, service: SessionServiceServer
) -> None:
    service.put(things.session(things.granted("salesforce", Access.READ, "salesforce_query")))
    await until_decided(gateway, "salesforce_query", None)
    listed = await tools(wire)
    granted = [name for name, tool in listed.items() if tool.get("_meta", {}).get("pipesmcp.io/granted")]
    assert granted == ["salesforce_query"]
    assert "session" not in listed["salesforce_query"]["description"]


async def test_granted_discovery_hides_what_may_not_be_called(
    settings: GatewaySettings, start: Start, http: aiohttp.ClientSession, service: SessionServiceServer
) -> None:
    gateway = await start(msgspec.structs.replace(settings, discovery="granted"))
    wire = Wire(http, f"http://127.0.0.1:{gateway.mcp_port}/mcp")
    assert list(await tools(wire)) == OWN
    service.put(things.session())
    await until_decided(gateway, "snowflake_query", None)
    assert list(await tools(wire)) == [*OWN, "snowflake_query"]
    refused = await wire.call("salesforce_query")
    assert refused["content"][0]["text"].startswith("permission denied"), "a hidden tool is refused, not unknown"


async def test_a_binding_cannot_take_the_name_of_an_own_tool(
    wire: Wire, gateway: Gateway, service: SessionServiceServer
) -> None:
    digest = things.QUERY.hash
    service.put(things.binding("snowflake", tools={"request_session": digest, "snowflake_query": digest}))
    service.put(things.session())
    await until_decided(gateway, "snowflake_query", None)
    listed = (await wire.modern("tools/list")).result["tools"]
    assert [tool["name"] for tool in listed].count("request_session") == 1


async def test_a_tool_whose_definition_did_not_come_is_left_out_and_the_others_stay(
    wire: Wire, gateway: Gateway, service: SessionServiceServer
) -> None:
    """A11"""
    service.put(things.binding("snowflake", tools={"snowflake_query": things.QUERY.hash, "snowflake_odd": "unknown"}))
    service.put(things.session())
    await until_decided(gateway, "snowflake_query", None)
    listed = await tools(wire)
    assert "snowflake_odd" not in listed
    assert "snowflake_query" in listed


async def next_message(stream: Any) -> dict[str, Any]:
    message: dict[str, Any] = await asyncio.wait_for(anext(stream), 3)
    return message


async def test_the_get_stream_of_earlier_revisions_hears_of_approval_and_end(
    wire: Wire, http: aiohttp.ClientSession, service: SessionServiceServer
) -> None:
    session = await wire.initialize()
    async with http.get(wire.url, headers={**session, "Accept": "text/event-stream"}) as response:
        assert response.status == 200
        stream = events(response)
        service.put(things.session())
        assert await next_message(stream) == {"jsonrpc": "2.0", "method": CHANGED}
        service.put(things.over(things.session(), SessionState.REVOKED))
        assert (await next_message(stream))["method"] == CHANGED


async def test_a_lease_that_runs_out_is_told_though_nobody_says_anything(
    wire: Wire, http: aiohttp.ClientSession, service: SessionServiceServer, gateway: Gateway
) -> None:
    service.lease_seconds = 1
    service.put(things.session())
    await until_decided(gateway, "snowflake_query", None)
    session = await wire.initialize()
    async with http.get(wire.url, headers={**session, "Accept": "text/event-stream"}) as response:
        assert (await next_message(events(response)))["method"] == CHANGED
    assert (await wire.call("snowflake_query"))["_meta"]["pipesmcp.io/denial"]["reason"] == "LeaseExpired"


async def listen(http: aiohttp.ClientSession, url: str, notifications: dict[str, Any]) -> aiohttp.ClientResponse:
    body, headers = modern("subscriptions/listen", {"notifications": notifications}, request_id="sub-1")
    return await http.post(
        url, data=json.dumps(body), headers={"Content-Type": "application/json", "Accept": BOTH, **headers}
    )


async def test_a_listener_is_acknowledged_first_and_then_told(
    wire: Wire, http: aiohttp.ClientSession, service: SessionServiceServer, gateway: Gateway
) -> None:
    async with await listen(http, wire.url, {"toolsListChanged": True, "promptsListChanged": True}) as response:
        stream = events(response)
        mark = {"_meta": {"io.modelcontextprotocol/subscriptionId": "sub-1"}}
        first = await next_message(stream)
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert first["params"] == {"notifications": {"toolsListChanged": True}, **mark}
        service.put(things.session())
        assert await next_message(stream) == {"jsonrpc": "2.0", "method": CHANGED, "params": mark}
        stopping = asyncio.create_task(gateway.stop())
        last = await next_message(stream)
        assert last["id"] == "sub-1"
        assert last["result"]["resultType"] == "complete"
        assert last["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == "sub-1"
        await stopping


async def test_a_listener_that_did_not_ask_is_not_told(
    wire: Wire, http: aiohttp.ClientSession, service: SessionServiceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.05)
    async with await listen(http, wire.url, {}) as response:
        lines = response.content
        while await lines.readline() != b"\n":
            pass
        service.put(things.session())
        seen = [await asyncio.wait_for(lines.readline(), 3) for _ in range(4)]
    assert set(seen) <= {b": still here\n", b"\n"}
