"""The official MCP client does the whole story in every mode: list, refused, request, approved, call, over."""

from typing import Any

import pytest

from gateway.broker_server import BrokerServer
from gateway.waiting import until_decided
from live import things
from live.session_service import SessionServiceServer
from mcp import Client
from pipes_api.names import DENIAL_META
from pipes_api.resources import Access
from pipes_api.states import SessionState
from pipes_gateway.app import Gateway

MODES = ["auto", "2026-07-28", "legacy"]


def text_of(result: Any) -> str:
    return str(result.content[0].text)


@pytest.mark.parametrize("mode", MODES)
async def test_the_whole_story(
    mode: Any, gateway: Gateway, service: SessionServiceServer, broker: BrokerServer
) -> None:
    async with Client(f"http://127.0.0.1:{gateway.mcp_port}/mcp", mode=mode) as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names[:4] == ["list_connections", "request_session", "session_status", "end_session"]
        assert {"snowflake_query", "google_drive_search", "salesforce_query", "salesforce_create"} <= set(names)

        refused = await client.call_tool("snowflake_query", {"q": "select 1"})
        assert refused.is_error
        assert text_of(refused).startswith("permission denied: no session allows snowflake_query")
        assert refused.meta is not None
        assert refused.meta[DENIAL_META]["reason"] == "SessionRequired"

        asked = await client.call_tool(
            "request_session",
            {"reason": "report", "bindings": [{"name": "snowflake", "access": "Read"}], "duration": "15m"},
        )
        assert not asked.is_error, text_of(asked)
        name = asked.structured_content["session"]
        assert f"kubectl -n team-a get agentsession {name} -o yaml" in text_of(asked)
        assert "snowflake_query" in text_of(asked)

        waiting = await client.call_tool("snowflake_query", {"q": "select 1"})
        assert waiting.meta is not None
        assert waiting.meta[DENIAL_META] == {"reason": "AwaitingApproval", "remedy": _remedy(waiting), "session": name}

        session = next(each for each in service.sessions.values() if each.name == name)
        service.put(things.session(uid=session.uid, name=name, note="enjoy"))
        await until_decided(gateway, "snowflake_query", None)
        allowed = await client.call_tool("snowflake_query", {"q": "select 1"})
        assert text_of(allowed) == 'snowflake_query {"q":"select 1"}'
        assert not allowed.is_error
        assert broker.headers[-1]["Authorization"] == "Bearer projected-for-broker"
        assert broker.headers[-1]["Pipes-Session"].count(".") == 2

        service.put(things.over(service.sessions[session.uid], SessionState.REVOKED, ended_by="alice@example.com"))
        await until_decided(gateway, "snowflake_query", "SessionRevoked")
        over = await client.call_tool("snowflake_query", {"q": "select 1"})
        assert "revoked by alice@example.com" in text_of(over)
        assert len(broker.calls) == 1


@pytest.mark.parametrize("mode", MODES)
async def test_asking_again_does_not_renew(mode: Any, gateway: Gateway, service: SessionServiceServer) -> None:
    expired = things.session(seconds=-1)
    service.put(things.over(expired, SessionState.EXPIRED))
    await until_decided(gateway, "snowflake_query", "SessionExpired")
    async with Client(f"http://127.0.0.1:{gateway.mcp_port}/mcp", mode=mode) as client:
        await client.call_tool(
            "request_session", {"reason": "more", "bindings": [{"name": "snowflake"}], "duration": "15m"}
        )
        refused = await client.call_tool("snowflake_query", {})
    assert refused.is_error
    assert text_of(refused).startswith("permission denied: ")


async def test_a_client_that_listed_once_goes_on_with_the_same_names(
    gateway: Gateway, service: SessionServiceServer
) -> None:
    """A09: many clients never list again."""
    async with Client(f"http://127.0.0.1:{gateway.mcp_port}/mcp") as client:
        before = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "Needs a session" in (before["salesforce_create"].description or "")
        service.put(things.session(things.granted("salesforce", Access.WRITE), seconds=1))
        await until_decided(gateway, "salesforce_create", None)
        assert not (await client.call_tool("salesforce_create", {})).is_error
        await until_decided(gateway, "salesforce_create", "SessionExpired")
        after = await client.call_tool("salesforce_create", {})
    assert after.is_error
    assert "expired at" in text_of(after)


def _remedy(result: Any) -> str:
    return str(result.meta[DENIAL_META]["remedy"])
