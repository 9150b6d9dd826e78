"""The gateway's own tools: what they say to a model, what they refuse, and that nobody can ask in another's name."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from gateway.waiting import until
from gateway.wire import Wire
from live import things
from live.session_service import SessionServiceServer
from pipes_api.messages import CreateSession, EndSession, Failure
from pipes_api.names import DENIAL_META
from pipes_api.resources import Access, ExactCall, Limits, RequestedBinding
from pipes_api.states import SessionState
from pipes_gateway.app import Gateway

ASK: dict[str, Any] = {"reason": "weekly report", "bindings": [{"name": "snowflake"}], "duration": "15m"}


def text_of(result: dict[str, Any]) -> str:
    assert len(result["content"]) == 1
    return str(result["content"][0]["text"])


async def seen(gateway: Gateway, uid: str, state: SessionState) -> None:
    await until(lambda: (found := gateway.view.session(uid)) is not None and found.state is state)


# -- request_session -------------------------------------------------------------------------


async def test_a_request_carries_what_was_asked_and_nothing_about_who(
    wire: Wire, service: SessionServiceServer
) -> None:
    asked = {
        **ASK,
        "bindings": [{"name": "snowflake", "access": "Write", "tools": ["query"]}, {"name": "salesforce"}],
        "limits": {"maxCalls": 10, "maxWrites": 0},
    }
    result = await wire.call("request_session", asked)
    assert not result.get("isError"), result
    assert service.requests == [
        CreateSession(
            reason="weekly report",
            bindings=(
                RequestedBinding(name="snowflake", access=Access.WRITE, tools=("query",)),
                RequestedBinding(name="salesforce"),
            ),
            duration="15m",
            limits=Limits(max_calls=10, max_writes=0),
        )
    ]


async def test_exact_calls_travel_as_the_text_that_a_person_approves(wire: Wire, service: SessionServiceServer) -> None:
    calls = [{"tool": "create", "arguments": {"q": "Ada", "a": [1.0, "\u00e9"]}}]
    asked = {**ASK, "bindings": [{"name": "salesforce", "access": "Write", "calls": calls}]}
    result = await wire.call("request_session", asked)
    assert not result.get("isError"), result
    (created,) = service.requests
    exact = ExactCall(tool="create", arguments='{"a":[1,"\u00e9"],"q":"Ada"}')
    assert created.bindings == (RequestedBinding(name="salesforce", access=Access.WRITE, calls=(exact,)),)
    assert result["structuredContent"]["tools"] == ["salesforce_create"]


async def test_the_answer_names_session_command_and_tools_and_holds_nothing_to_apply(wire: Wire) -> None:
    result = await wire.call("request_session", ASK)
    text, data = text_of(result), result["structuredContent"]
    assert data["session"] == "analyst-1"
    assert data["state"] == "AwaitingApproval"
    assert data["tools"] == ["snowflake_query"]
    assert data["show"] == "kubectl -n team-a get agentsession analyst-1 -o yaml"
    assert data["created"] is True
    for part in ("analyst-1", data["show"], "snowflake_query", "session_status", "Note: duration cut to 1h"):
        assert part in text
    # The manifest is for the operator to write: a person must not be handed one by an agent.
    assert "approval:" not in text
    assert "kubectl apply" not in text


async def test_asking_again_is_answered_with_the_first(wire: Wire, service: SessionServiceServer) -> None:
    await wire.call("request_session", ASK)
    again = await wire.call("request_session", ASK)
    assert again["structuredContent"]["session"] == "analyst-1"
    assert again["structuredContent"]["created"] is False
    assert "was requested before" in text_of(again)
    assert len(service.sessions) == 1


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": None}, "reason"),
        ({"duration": "1d"}, "duration"),
        ({"duration": "30s"}, "duration"),
        ({"duration": 900}, "duration"),
        ({"bindings": []}, "bindings"),
        ({"bindings": "snowflake"}, "bindings"),
        ({"bindings": [{"name": "snowflake", "access": "Admin"}]}, "bindings[0].access"),
        ({"bindings": [{"name": "snowflake", "tools": []}]}, "bindings[0].tools"),
        ({"bindings": [{"access": "Read"}]}, "name"),
        ({"bindings": [{"name": "snowflake", "calls": []}]}, "bindings[0].calls"),
        ({"bindings": [{"name": "snowflake", "calls": [{"tool": "query"}]}]}, "arguments"),
        ({"bindings": [{"name": "snowflake", "calls": [{"tool": "query", "arguments": "{}"}]}]}, "arguments"),
        ({"bindings": [{"name": "snowflake", "calls": [{"tool": "query", "arguments": {"n": 2**60}}]}]}, "calls"),
        ({"limits": {"maxCalls": 0}}, "limits.maxCalls"),
        ({"approval": {"decision": "Approved", "by": "alice"}}, "approval"),
        ({"agent": {"serviceAccountName": "admin"}}, "agent"),
        ({"namespace": "kube-system"}, "namespace"),
        ({"requestedBy": "alice"}, "requestedBy"),
        ({"podUID": "pod-2"}, "podUID"),
    ],
    ids=str,
)
async def test_wrong_arguments_name_the_field_and_ask_nobody(
    wire: Wire, service: SessionServiceServer, change: dict[str, Any], names: str
) -> None:
    result = await wire.call("request_session", {**ASK, **change})
    assert result["isError"] is True
    assert text_of(result).startswith("invalid arguments: ")
    assert names in text_of(result)
    assert service.requests == []


async def test_a_refusal_of_the_service_is_told_with_its_remedy(wire: Wire, service: SessionServiceServer) -> None:
    service.refuse_with = Failure(
        reason="TooManyRequests",
        message="5 requests wait already",
        remedy="A person must decide.",
        retry_after_seconds=9,
    )
    result = await wire.call("request_session", ASK)
    assert result["isError"] is True
    assert text_of(result) == "refused: 5 requests wait already. A person must decide."
    assert result["structuredContent"] == {"reason": "TooManyRequests", "retryAfterSeconds": 9}


async def test_without_the_operator_it_says_so_and_soon(wire: Wire, service: SessionServiceServer) -> None:
    await service.stop()
    result = await asyncio.wait_for(wire.call("request_session", ASK), 5)
    assert result["_meta"][DENIAL_META]["reason"] == "OperatorUnavailable"


# -- session_status ----------------------------------------------------------------------------


async def test_states_are_told_apart(wire: Wire, gateway: Gateway, service: SessionServiceServer) -> None:
    live = things.session(uid="live")
    service.put(live)
    service.put(
        msgspec.structs.replace(
            things.session(uid="waiting"), state=SessionState.AWAITING_APPROVAL, live=False, activated_at=None
        )
    )
    denied = things.session(uid="denied")
    service.put(things.over(denied, SessionState.DENIED, decided_by="alice@example.com", note="use the report"))
    await seen(gateway, "denied", SessionState.DENIED)

    result = await wire.call("session_status")
    lines = text_of(result).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("session live is active for another 9m")
    assert "Tools: snowflake_query." in lines[0]
    assert "awaits the approval of a person" in lines[1]
    assert "kubectl -n team-a get agentsession waiting -o yaml" in lines[1]
    assert lines[2] == "session denied was denied by alice@example.com: use the report."
    states = [(each["session"], each["state"], each["live"]) for each in result["structuredContent"]["sessions"]]
    assert states == [("live", "Active", True), ("waiting", "AwaitingApproval", False), ("denied", "Denied", False)]


async def test_one_session_by_its_name(wire: Wire, gateway: Gateway, service: SessionServiceServer) -> None:
    service.put(things.session())
    await seen(gateway, "session-1", SessionState.ACTIVE)
    result = await wire.call("session_status", {"name": "session-1"})
    assert [each["session"] for each in result["structuredContent"]["sessions"]] == ["session-1"]
    assert "no session named other" in text_of(await wire.call("session_status", {"name": "other"}))


@pytest.mark.parametrize("name", ["../other-team/s1", "", "UPPER", "a b", "x" * 300, "s1\n"])
async def test_a_name_that_is_none_is_refused(wire: Wire, name: str) -> None:
    result = await wire.call("session_status", {"name": name})
    assert result["isError"] is True
    assert "name" in text_of(result)


async def test_no_session_says_what_to_do(wire: Wire) -> None:
    assert "Call request_session" in text_of(await wire.call("session_status"))


# -- end_session -------------------------------------------------------------------------------


async def test_the_only_open_session_is_ended(wire: Wire, gateway: Gateway, service: SessionServiceServer) -> None:
    service.put(things.session())
    service.put(things.over(things.session(uid="old"), SessionState.EXPIRED))
    await seen(gateway, "old", SessionState.EXPIRED)
    result = await wire.call("end_session")
    assert text_of(result) == "Session session-1 has ended."
    assert service.requests == [EndSession(uid="session-1")]
    await seen(gateway, "session-1", SessionState.ENDED)
    assert text_of(await wire.call("end_session")) == "there is no open session"
    assert (await wire.call("end_session", {"name": "session-1"}))["isError"] is True


async def test_a_pending_request_is_withdrawn(wire: Wire, service: SessionServiceServer) -> None:
    await wire.call("request_session", ASK)
    result = await wire.call("end_session", {"name": "analyst-1"})
    assert text_of(result) == "Session analyst-1 is withdrawn."


async def test_of_several_one_must_be_named(wire: Wire, gateway: Gateway, service: SessionServiceServer) -> None:
    service.put(things.session(uid="one"))
    service.put(things.session(things.granted("salesforce"), uid="two"))
    await seen(gateway, "two", SessionState.ACTIVE)
    result = await wire.call("end_session")
    assert result["isError"] is True
    assert {"one", "two"} <= set(text_of(result).replace(",", " ").split())
    assert service.requests == []


# -- list_connections ----------------------------------------------------------------------------


async def test_connections_as_settled(wire: Wire, gateway: Gateway, service: SessionServiceServer) -> None:
    service.put(things.binding("salesforce", max_access=Access.READ, connected=False, problem="connect it again"))
    service.put(things.binding("google-drive", service_accounts=("other",)))
    service.put(things.session())
    await seen(gateway, "session-1", SessionState.ACTIVE)
    result = await wire.call("list_connections")
    connections = result["structuredContent"]["connections"]
    until_then = connections[1].pop("until")
    assert until_then.endswith("Z")
    assert connections == [
        {
            "binding": "salesforce",
            "provider": "salesforce",
            "access": "Read",
            "tools": ["salesforce_create", "salesforce_query"],
            "connected": False,
            "problem": "connect it again",
            "session": "none",
        },
        {
            "binding": "snowflake",
            "provider": "snowflake",
            "access": "Write",
            "tools": ["snowflake_query"],
            "connected": True,
            "session": "active",
        },
    ]
    assert text_of(result).splitlines()[1].startswith("snowflake (snowflake), up to Write: connected; session: active")


async def test_nothing_says_whose_the_account_is(wire: Wire, gateway: Gateway, service: SessionServiceServer) -> None:
    service.put(things.session())
    await seen(gateway, "session-1", SessionState.ACTIVE)
    for tool in ("list_connections", "session_status"):
        shown = json.dumps(await wire.call(tool))
        assert "user_01" not in shown
        assert "account_01" not in shown


async def test_a_gateway_that_never_reached_the_operator_has_its_own_tools_only(
    settings: Any, start: Any, service: SessionServiceServer, http: Any
) -> None:
    await service.stop()
    gateway = await start(msgspec.structs.replace(settings, start_seconds=0.1))
    wire = Wire(http, f"http://127.0.0.1:{gateway.mcp_port}/mcp")
    listed = (await wire.modern("tools/list")).result["tools"]
    assert len(listed) == 4
    for tool in ("list_connections", "session_status", "end_session", "snowflake_query", "anything"):
        result = await wire.call(tool)
        assert result["_meta"][DENIAL_META]["reason"] == "OperatorUnavailable", tool
