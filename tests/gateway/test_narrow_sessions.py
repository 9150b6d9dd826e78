"""Sessions that allow less than a tool: single calls, some calls of a tool, one of several people's connections."""

from typing import Any

import msgspec
import pytest

from gateway.broker_server import BrokerServer
from gateway.waiting import until, until_decided
from gateway.wire import Wire, reason_of
from live import things
from live.session_service import SessionServiceServer
from pipes_api.grant import GrantedCall
from pipes_api.messages import BrokerCall, SessionView
from pipes_api.names import BUDGET_META, DENIAL_META, SESSION_META
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Connection, Limits, OnBehalfOf, ToolLimits, Usage
from pipes_api.states import SessionState
from pipes_egress.call import ToolResult, text_block
from pipes_gateway.app import Gateway
from pipes_policy.call import Denial

CREATE = "salesforce_create"
APPROVED = GrantedCall(tool=CREATE, arguments='{"q":"Ada"}')
EXACT = things.session(things.granted("salesforce", Access.WRITE, CREATE, calls=(APPROVED,)))


async def tools(wire: Wire) -> dict[str, dict[str, Any]]:
    return {tool["name"]: tool for tool in (await wire.modern("tools/list")).result["tools"]}


def text_of(result: dict[str, Any]) -> str:
    return str(result["content"][0]["text"])


# -- exact calls -----------------------------------------------------------------------------


async def test_only_the_approved_call_leaves_the_gateway(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, broker: BrokerServer
) -> None:
    service.put(EXACT)
    await until_decided(gateway, CREATE, None)
    for arguments in ({}, {"q": "Eve"}, {"q": "Ada", "more": 1}):
        refused = await wire.call(CREATE, arguments)
        assert reason_of(refused) == "CallMismatch"
        assert APPROVED.arguments in text_of(refused)
    assert broker.calls == []
    assert "isError" not in await wire.call(CREATE, {"q": "Ada"})
    assert [each.arguments for each in broker.calls] == [{"q": "Ada"}]


async def test_the_list_tells_the_approved_arguments_until_they_are_spent(
    wire: Wire, gateway: Gateway, service: SessionServiceServer
) -> None:
    service.put(EXACT)
    await until_decided(gateway, CREATE, None)
    listed = await tools(wire)
    assert listed[CREATE]["_meta"] == {"pipesmcp.io/granted": True, "pipesmcp.io/exactCalls": [APPROVED.arguments]}
    assert APPROVED.arguments in listed[CREATE]["description"]
    assert [name for name, each in listed.items() if each.get("_meta", {}).get("pipesmcp.io/granted")] == [CREATE]
    assert APPROVED.arguments in text_of(await wire.call("session_status"))
    before = gateway._tools.fingerprint()
    service.change("session-1", usage=Usage(calls=1, writes=1, exact=(APPROVED.id,)))
    await until_decided(gateway, CREATE, "BudgetExhausted")
    assert gateway._tools.fingerprint() != before, "who has listed the tools is told"
    listed = await tools(wire)
    assert listed[CREATE]["_meta"] == {"pipesmcp.io/granted": False}
    refused = await wire.call(CREATE, {"q": "Ada"})
    assert reason_of(refused) == "BudgetExhausted"
    assert refused["_meta"][DENIAL_META]["sessionExpiresAt"].endswith("Z")


async def test_arguments_too_long_for_a_description_are_shown_by_session_status(
    wire: Wire, gateway: Gateway, service: SessionServiceServer
) -> None:
    long = GrantedCall(tool=CREATE, arguments='{"q":"%s"}' % ("x" * 10_000))
    service.put(things.session(things.granted("salesforce", Access.WRITE, CREATE, calls=(long,))))
    await until_decided(gateway, CREATE, None)
    listed = await tools(wire)
    assert len(listed[CREATE]["description"]) < 1_000
    assert "session_status" in listed[CREATE]["description"]
    status = await wire.call("session_status")
    assert status["structuredContent"]["sessions"][0]["budget"]["exactCalls"] == [
        {"tool": CREATE, "arguments": long.arguments}
    ]


# -- budgets ---------------------------------------------------------------------------------


async def test_session_status_tells_what_is_left(wire: Wire, gateway: Gateway, service: SessionServiceServer) -> None:
    granted = things.granted(limits={"snowflake_query": ToolLimits(max_calls=3)})
    usage = Usage(calls=5, writes=1, tools={"snowflake_query": 2})
    service.put(things.session(granted, limits=Limits(max_calls=20, max_writes=3), usage=usage))
    await until_decided(gateway, "snowflake_query", None)
    result = await wire.call("session_status")
    assert "At least 15 calls are left. 2 writes are left. 1 calls of snowflake_query are left." in text_of(result)
    assert result["structuredContent"]["sessions"][0]["budget"] == {
        "callsLeft": 15,
        "writesLeft": 2,
        "tools": {"snowflake_query": {"callsLeft": 1}},
    }


async def test_what_the_executing_side_tells_of_the_budget_goes_through(
    approved: None, wire: Wire, broker: BrokerServer
) -> None:
    left = {"callsLeft": 4, "tool": {"callsLeft": 1}}

    async def work(_: BrokerServer, __: BrokerCall) -> ToolResult:
        return ToolResult(content=[text_block("rows")], meta={BUDGET_META: left}, sent=True)

    broker.work = work
    assert (await wire.call("snowflake_query"))["_meta"][BUDGET_META] == left


async def test_a_used_up_budget_says_when_its_session_ends(
    approved: None, wire: Wire, gateway: Gateway, broker: BrokerServer
) -> None:
    session = gateway.view.session("session-1")
    assert session is not None

    async def work(_: BrokerServer, __: BrokerCall) -> ToolResult:
        denial = Denial(
            reason=Reason.BUDGET_EXHAUSTED, message="used up", remedy="Ask.", session_expires_at=session.expires_at
        )
        return ToolResult(content=[], is_error=True, denial=denial)

    broker.work = work
    meta = (await wire.call("snowflake_query"))["_meta"][DENIAL_META]
    assert session.expires_at is not None
    assert meta["sessionExpiresAt"] == session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")


# -- sessions for a person ---------------------------------------------------------------------

SEARCH = "google_drive_search"


def session_for(user: str) -> SessionView:
    connection = Connection(user_id=f"user_{user}", from_session=True)
    made = things.session(things.granted("google-drive", connection=connection), uid=f"for-{user}")
    assert made.grant is not None
    grant = msgspec.structs.replace(made.grant, on_behalf_of=OnBehalfOf(user_id=f"user_{user}"))
    return msgspec.structs.replace(made, grant=grant)


@pytest.fixture
async def two_people(gateway: Gateway, service: SessionServiceServer) -> None:
    service.put(things.binding("google-drive", from_session=True, connected=False))
    service.put(session_for("alice"))
    service.put(session_for("bob"))
    await until_decided(gateway, SEARCH, "SessionAmbiguous")


@pytest.mark.usefixtures("two_people")
async def test_a_call_runs_under_the_session_that_it_names(wire: Wire, gateway: Gateway, broker: BrokerServer) -> None:
    for name in ("for-alice", "for-bob"):
        assert "isError" not in await wire.call(SEARCH, meta={SESSION_META: name})
        assert broker.calls[-1].session == name
        assert broker.headers[-1]["Pipes-Session"] == gateway.view.token(name)


@pytest.mark.usefixtures("two_people")
async def test_in_earlier_revisions_too(wire: Wire, broker: BrokerServer) -> None:
    headers = await wire.initialize()
    params: dict[str, Any] = {"name": SEARCH, "arguments": {}}
    assert reason_of((await wire.legacy(headers, "tools/call", params)).result) == "SessionAmbiguous"
    named = {**params, "_meta": {SESSION_META: "for-bob"}}
    assert "isError" not in (await wire.legacy(headers, "tools/call", named)).result
    assert [each.session for each in broker.calls] == ["for-bob"]


@pytest.mark.usefixtures("two_people")
async def test_without_a_name_nobody_is_guessed(wire: Wire, broker: BrokerServer) -> None:
    refused = await wire.call(SEARCH)
    assert reason_of(refused) == "SessionAmbiguous"
    assert "for-alice, for-bob" in text_of(refused)
    assert SESSION_META in text_of(refused)
    assert broker.calls == []


@pytest.mark.usefixtures("two_people")
@pytest.mark.parametrize("name", ["for-carol", "for-alice ", "FOR-ALICE", "../for-alice", "user_alice"])
async def test_a_name_of_no_session_of_ours_tells_nothing(wire: Wire, broker: BrokerServer, name: str) -> None:
    refused = await wire.call(SEARCH, meta={SESSION_META: name})
    assert reason_of(refused) == "SessionRequired"
    assert name not in text_of(refused)
    assert "for-" not in text_of(refused)
    assert broker.calls == []


@pytest.mark.usefixtures("two_people")
@pytest.mark.parametrize("name", ["", None, 5, ["for-alice"], "x" * 254])
async def test_what_is_no_name_is_a_malformed_request(wire: Wire, broker: BrokerServer, name: Any) -> None:
    answer = await wire.modern("tools/call", {"name": SEARCH, "arguments": {}}, meta={SESSION_META: name})
    assert answer.code == -32602
    assert broker.calls == []


@pytest.mark.usefixtures("two_people")
async def test_the_end_of_one_persons_session_leaves_the_others(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, broker: BrokerServer
) -> None:
    service.put(things.over(session_for("alice"), SessionState.REVOKED))
    await until_decided(gateway, SEARCH, None)
    assert reason_of(await wire.call(SEARCH, meta={SESSION_META: "for-alice"})) == "SessionRevoked"
    assert "isError" not in await wire.call(SEARCH)
    assert [each.session for each in broker.calls] == ["for-bob"]


@pytest.mark.usefixtures("two_people")
async def test_the_tool_is_listed_once_and_names_its_sessions(wire: Wire) -> None:
    listed = (await wire.modern("tools/list")).result["tools"]
    (tool,) = [each for each in listed if each["name"] == SEARCH]
    assert tool["_meta"] == {"pipesmcp.io/granted": True, "pipesmcp.io/sessions": ["for-alice", "for-bob"]}
    assert "for-alice, for-bob" in tool["description"]
    connections = (await wire.call("list_connections"))["structuredContent"]["connections"]
    (drive,) = [each for each in connections if each["binding"] == "google-drive"]
    assert drive["sessions"] == ["for-alice", "for-bob"]
    assert drive["connected"] is True
    assert "user_" not in str(connections) + str(await wire.call("session_status"))


async def test_an_agent_is_not_told_to_ask_for_a_persons_session(
    wire: Wire, gateway: Gateway, service: SessionServiceServer
) -> None:
    service.put(things.binding("google-drive", from_session=True))
    await until(lambda: any(each.from_session for each in gateway.view.bindings()))
    assert "request_session" not in (await tools(wire))[SEARCH]["description"]
    refused = await wire.call(SEARCH)
    assert reason_of(refused) == "SessionRequired"
    assert "request_session" not in text_of(refused)


async def test_an_ordinary_call_says_nothing_to_the_broker_that_an_older_one_would_refuse(
    approved: None, wire: Wire, broker: BrokerServer
) -> None:
    await wire.call("snowflake_query")
    assert b"session" not in msgspec.json.encode(broker.calls[0])
    assert reason_of(await wire.call("snowflake_query", meta={SESSION_META: "another"})) == "SessionRequired"
