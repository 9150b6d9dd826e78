"""The way of a provider call: who is told what, what is cancelled when, and what is written down."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from gateway.broker_server import BrokerServer, echo
from gateway.waiting import until, until_decided
from gateway.wire import BOTH, Wire, events, modern
from live import things
from live.session_service import SessionServiceServer
from pipes_api.messages import BrokerCall, ReportUsage
from pipes_api.names import DENIAL_META
from pipes_api.reasons import Reason
from pipes_api.states import SessionState
from pipes_egress.call import ToolResult, text_block
from pipes_gateway import app, provider
from pipes_gateway.app import Gateway
from pipes_live.audit import AuditUnavailable
from pipes_policy.call import Denial

TOOL = "snowflake_query"


@pytest.fixture(autouse=True)
def no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends a call here is what was told, not the look that the gateway takes every second."""
    monkeypatch.setattr(app, "LOOK_EVERY_SECONDS", 3600)


@pytest.fixture(autouse=True)
async def approved(no_ticks: None, gateway: Gateway, service: SessionServiceServer) -> None:
    service.put(things.session())
    await until_decided(gateway, TOOL, None)


def reason_of(result: dict[str, Any]) -> str:
    assert result["isError"] is True
    assert result["content"][0]["text"].startswith("permission denied: ")
    return str(result["_meta"][DENIAL_META]["reason"])


async def test_a_call_carries_the_pods_token_and_the_sessions(
    wire: Wire, broker: BrokerServer, gateway: Gateway
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    result = await wire.call(TOOL, {"q": "x"}, meta={"traceparent": trace})
    assert result["resultType"] == "complete"
    assert result["content"] == [{"type": "text", "text": 'snowflake_query {"q":"x"}'}]
    assert broker.calls == [BrokerCall(binding="snowflake", tool=TOOL, arguments={"q": "x"}, traceparent=trace)]
    assert broker.headers[0]["Authorization"] == "Bearer projected-for-broker"
    assert broker.headers[0]["Pipes-Session"] == gateway.view.token("session-1")


async def test_what_we_do_not_know_in_a_result_goes_through(wire: Wire, broker: BrokerServer) -> None:
    odd = {"type": "hologram", "depth": 3, "annotations": {"new": True}}

    async def work(_: BrokerServer, __: BrokerCall) -> ToolResult:
        return ToolResult(content=[odd], structured_content={"rows": [1, None]}, meta={"x/y": 1})

    broker.work = work
    result = await wire.call(TOOL)
    assert result["content"] == [odd]
    assert result["structuredContent"] == {"rows": [1, None]}
    assert result["_meta"]["x/y"] == 1


async def test_a_providers_own_failure_is_no_denial(wire: Wire, broker: BrokerServer) -> None:
    async def work(_: BrokerServer, __: BrokerCall) -> ToolResult:
        return ToolResult(content=[text_block("no such table")], is_error=True, sent=True)

    broker.work = work
    result = await wire.call(TOOL)
    assert result["isError"] is True
    assert DENIAL_META not in result["_meta"]


async def test_a_refusal_on_the_way_is_worded_like_one_made_here(
    wire: Wire, broker: BrokerServer, gateway: Gateway, service: SessionServiceServer
) -> None:
    async def work(_: BrokerServer, __: BrokerCall) -> ToolResult:
        denial = Denial(
            reason=Reason.RATE_LIMITED, message="too fast", remedy="Wait.", session="session-1", retry_after_seconds=2
        )
        return ToolResult(content=[], is_error=True, denial=denial)

    broker.work = work
    result = await wire.call(TOOL)
    assert result["content"][0]["text"] == "permission denied: too fast. Wait."
    expected = {"reason": "RateLimited", "remedy": "Wait.", "session": "session-1", "retryAfterSeconds": 2}
    assert result["_meta"][DENIAL_META] == expected
    await gateway._usage.flush()
    assert not [each for each in service.requests if isinstance(each, ReportUsage)], "the broker counts what it refuses"


async def test_denials_made_here_are_counted_here(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, broker: BrokerServer
) -> None:
    service.put(things.session(things.granted("salesforce"), uid="session-2"))
    await until_decided(gateway, "salesforce_create", "WriteNotAllowed")
    assert reason_of(await wire.call("salesforce_create")) == "WriteNotAllowed"
    await gateway._usage.flush()
    assert service.requests == [ReportUsage(uid="session-2", denied=1, namespace="team-a")]
    assert broker.calls == []


@pytest.mark.parametrize("trouble", ["down", "500", "garbage", "cut", "unauthorized"])
async def test_a_broker_in_trouble_means_denial_never_access(wire: Wire, broker: BrokerServer, trouble: str) -> None:
    async def garbage(_: BrokerServer, __: BrokerCall) -> Any:
        return "not a result"

    async def cut(_: BrokerServer, __: BrokerCall) -> Any:
        raise ConnectionResetError

    match trouble:
        case "down":
            await broker.stop()
        case "500":
            broker.status = 500
        case "unauthorized":
            broker.status = 401
        case "garbage":
            broker.work = garbage
        case _:
            broker.work = cut
    answer = await wire.modern("tools/call", {"name": TOOL, "arguments": {}})
    assert answer.status == 200
    assert reason_of(answer.result) == "OperatorUnavailable"


# -- endings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (SessionState.REVOKED, "SessionRevoked"),
        (SessionState.ENDED, "SessionEnded"),
        (SessionState.EXPIRED, "SessionExpired"),
    ],
)
async def test_the_end_of_a_session_cancels_its_call_at_once(
    wire: Wire, broker: BrokerServer, service: SessionServiceServer, state: SessionState, reason: str
) -> None:
    broker.work = broker.blocked
    call = asyncio.create_task(wire.call(TOOL))
    await broker.running.wait()
    service.put(things.over(things.session(), state, ended_by="alice@example.com"))
    result = await asyncio.wait_for(call, 2)
    assert (
        reason_of(result) == {"Revoked": "SessionRevoked", "Ended": "SessionEnded", "Expired": "SessionExpired"}[state]
    )
    await asyncio.wait_for(broker.cancelled.wait(), 2)


async def test_a_deleted_session_cancels_its_call_and_says_so(
    wire: Wire, broker: BrokerServer, service: SessionServiceServer
) -> None:
    broker.work = broker.blocked
    call = asyncio.create_task(wire.call(TOOL))
    await broker.running.wait()
    service.drop("session-1")
    result = await asyncio.wait_for(call, 2)
    assert reason_of(result) == "SessionRevoked"
    assert "deleted" in result["content"][0]["text"]
    assert reason_of(await wire.call(TOOL)) == "SessionRevoked"


async def test_suspending_the_connection_cancels_its_call_at_once(
    wire: Wire, broker: BrokerServer, service: SessionServiceServer
) -> None:
    broker.work = broker.blocked
    call = asyncio.create_task(wire.call(TOOL))
    await broker.running.wait()
    service.put(things.binding(connected=False))
    service.put(things.binding(suspended=True))
    assert reason_of(await asyncio.wait_for(call, 2)) == "BindingSuspended"
    await asyncio.wait_for(broker.cancelled.wait(), 2)


async def test_a_budget_used_up_by_others_lets_a_call_under_way_end(
    wire: Wire, broker: BrokerServer, service: SessionServiceServer, gateway: Gateway
) -> None:
    broker.work = broker.blocked
    call = asyncio.create_task(wire.call(TOOL))
    await broker.running.wait()
    service.put(things.over(things.session(), SessionState.BUDGET_EXHAUSTED))
    await until_decided(gateway, TOOL, "BudgetExhausted")
    broker.release.set()
    assert "isError" not in await call
    assert reason_of(await wire.call(TOOL)) == "BudgetExhausted"


async def test_the_end_of_another_session_cancels_nothing(
    wire: Wire, broker: BrokerServer, service: SessionServiceServer, gateway: Gateway
) -> None:
    other = things.session(things.granted("salesforce"), uid="other")
    service.put(other)
    broker.work = broker.blocked
    call = asyncio.create_task(wire.call(TOOL))
    await broker.running.wait()
    service.put(things.over(other, SessionState.REVOKED))
    await until(lambda: not gateway.view.session("other").live)  # type: ignore[union-attr]
    broker.release.set()
    assert "isError" not in await call


async def test_a_client_that_leaves_has_cancelled(
    wire: Wire, broker: BrokerServer, http: aiohttp.ClientSession, gateway: Gateway
) -> None:
    """2026-07-28: closing the response stream is the cancellation."""
    broker.work = broker.blocked
    call = asyncio.create_task(wire.call(TOOL))
    await broker.running.wait()
    call.cancel()
    await asyncio.wait_for(broker.cancelled.wait(), 2)


async def test_in_earlier_revisions_a_lost_connection_is_no_cancellation(wire: Wire, broker: BrokerServer) -> None:
    session = await wire.initialize()
    broker.work = broker.blocked
    call = asyncio.create_task(wire.legacy(session, "tools/call", {"name": TOOL}))
    await broker.running.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    broker.release.set()
    done = await wire.legacy(session, "tools/call", {"name": TOOL})
    assert done.status == 200
    assert not broker.cancelled.is_set()


async def test_in_earlier_revisions_a_notification_cancels(wire: Wire, broker: BrokerServer) -> None:
    session = await wire.initialize()
    broker.work = broker.blocked
    call = asyncio.create_task(wire.legacy(session, "tools/call", {"name": TOOL}, request_id="a"))
    await broker.running.wait()
    other = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "b"}}
    assert (await wire.post(other, session)).status == 202
    assert not broker.cancelled.is_set()
    mine = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "a"}}
    assert (await wire.post(mine, session)).status == 202
    answer = await asyncio.wait_for(call, 2)
    assert (answer.status, answer.body["id"], answer.code) == (200, "a", -32800)
    await asyncio.wait_for(broker.cancelled.wait(), 2)


async def test_a_session_cannot_cancel_the_calls_of_another(wire: Wire, broker: BrokerServer) -> None:
    mine, theirs = await wire.initialize(), await wire.initialize()
    broker.work = broker.blocked
    call = asyncio.create_task(wire.legacy(mine, "tools/call", {"name": TOOL}, request_id=7))
    await broker.running.wait()
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
    await wire.post(cancel, theirs)
    broker.release.set()
    assert (await call).status == 200
    assert not broker.cancelled.is_set()


async def test_a_call_that_takes_too_long_is_cancelled_and_says_so(
    wire: Wire, broker: BrokerServer, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway._tools._provider, "_seconds", 0.2)
    broker.work = broker.blocked
    result = await wire.call(TOOL)
    assert result["isError"] is True
    assert "took longer than 0.2 s" in result["content"][0]["text"]
    await asyncio.wait_for(broker.cancelled.wait(), 2)


# -- answers belong to their questions ---------------------------------------------------


@pytest.mark.parametrize("era", ["modern", "one session", "two sessions"])
async def test_equal_ids_in_flight_never_swap_answers(wire: Wire, broker: BrokerServer, era: str) -> None:
    """A08"""
    sessions = [await wire.initialize()]
    sessions.append(await wire.initialize() if era == "two sessions" else sessions[0])

    async def slow(server: BrokerServer, call: BrokerCall) -> ToolResult:
        await asyncio.sleep(0.01 if call.arguments["q"].endswith("0") else 0)
        return await echo(server, call)

    broker.work = slow

    async def ask(mark: str, which: int) -> str:
        params = {"name": TOOL, "arguments": {"q": mark}}
        if era == "modern":
            answer = await wire.modern("tools/call", params, request_id=7)
        else:
            answer = await wire.legacy(sessions[which], "tools/call", params, request_id=7)
        assert answer.body["id"] == 7
        return str(answer.result["content"][0]["text"])

    marks = [f"mark-{number}" for number in range(50)]
    answers = await asyncio.gather(*(ask(mark, number % 2) for number, mark in enumerate(marks)))
    assert answers == [f'{TOOL} {{"q":"{mark}"}}' for mark in marks]


@pytest.mark.parametrize("request_id", ["1", "", "ключ", 0, -1, 2**53 + 1])
async def test_ids_are_echoed_exactly(wire: Wire, request_id: Any) -> None:
    for answer in (
        await wire.modern("tools/call", {"name": TOOL, "arguments": {}}, request_id=request_id),
        await wire.modern("tools/list", request_id=request_id),
        await wire.modern("tools/nothing", request_id=request_id),
        await wire.modern("tools/list", request_id=request_id, Authorization="Bearer abc"),
        await wire.modern("tools/list", request_id=request_id, Origin="http://evil.example"),
        await wire.modern("tools/list", request_id=request_id, Accept="text/html"),
    ):
        assert answer.body["id"] == request_id
        assert type(answer.body["id"]) is type(request_id)


TEXTS = [
    "שלום עולם",
    "漢字",
    "\U0001f469\u200d\U0001f4bb",
    "e\u0301 is not \u00e9",
    "line\u2028and\u2029sep",
    "nul\0",
    "data: x\r\n\r\nevent: y",
    "\u0085",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("streamed", [False, True])
async def test_text_goes_there_and_back_unchanged(wire: Wire, broker: BrokerServer, text: str, streamed: bool) -> None:
    """A20"""

    async def work(_: BrokerServer, call: BrokerCall) -> ToolResult:
        return ToolResult(content=[text_block(call.arguments["q"])])

    broker.work = work
    broker.progress = [(1, text)] if streamed else []
    result = await wire.call(TOOL, {"q": text}, meta={"progressToken": "t"} if streamed else {})
    assert result["content"][0]["text"] == text
    assert broker.calls[0].arguments["q"] == text


# -- progress --------------------------------------------------------------------------


async def test_progress_comes_only_to_a_client_that_gave_a_token(wire: Wire, broker: BrokerServer) -> None:
    """A13"""
    broker.progress = [(1, "submitted"), (2, "polling")]
    silent = await wire.modern("tools/call", {"name": TOOL, "arguments": {}})
    assert silent.headers["Content-Type"] == "application/json"
    told = await wire.modern("tools/call", {"name": TOOL, "arguments": {}}, meta={"progressToken": "t-1"})
    assert told.headers["Content-Type"] == "text/event-stream"
    assert [each["params"] for each in told.messages[:-1]] == [
        {"progressToken": "t-1", "progress": 1, "message": "submitted"},
        {"progressToken": "t-1", "progress": 2, "message": "polling"},
    ]
    assert told.result["content"]


async def test_a_client_that_takes_no_streams_gets_one_answer(wire: Wire, broker: BrokerServer) -> None:
    broker.progress = [(1, "submitted")]
    params = {"name": TOOL, "arguments": {}}
    answer = await wire.modern("tools/call", params, meta={"progressToken": 1}, Accept="application/json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.result["content"]


async def test_a_silent_provider_is_no_silent_call(
    wire: Wire, broker: BrokerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "PROGRESS_EVERY_SECONDS", 0.02)
    broker.work = broker.blocked
    body, headers = modern("tools/call", {"name": TOOL, "arguments": {}}, meta={"progressToken": 9})
    given = {"Content-Type": "application/json", "Accept": BOTH, **headers}
    async with wire.http.post(wire.url, data=json.dumps(body), headers=given) as response:
        progress = []
        async for message in events(response):
            if "result" in message:
                break
            progress.append(message["params"]["progress"])
            if len(progress) == 3:
                broker.release.set()
    assert progress == sorted(progress)
    assert len(progress) >= 3


# -- the audit trail ---------------------------------------------------------------------


async def test_every_decision_is_one_line_without_the_arguments(
    wire: Wire, capsys: pytest.CaptureFixture[str], service: SessionServiceServer
) -> None:
    await wire.call(TOOL, {"q": "select secret"})
    await wire.call("google_drive_search", {"q": "select secret"})
    out = capsys.readouterr().out
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(each["decision"], each["tool"], each.get("reason")) for each in lines] == [
        ("allowed", TOOL, None),
        ("denied", "google_drive_search", "SessionRequired"),
    ]
    assert lines[0]["session"] == "session-1"
    assert len(lines[0]["argumentsSHA256"]) == 64
    assert "select secret" not in out
    assert "eyJ" not in out


async def test_what_cannot_be_recorded_does_not_happen(
    wire: Wire, broker: BrokerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: Any) -> None:
        raise AuditUnavailable("No space left on device")

    monkeypatch.setattr(provider, "audit", full)
    assert reason_of(await wire.call(TOOL)) == "AuditUnavailable"
    assert broker.calls == []
