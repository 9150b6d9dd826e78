"""The way of a provider call: who is told what, and what is written down."""

import json
from typing import Any

import pytest

from gateway.broker_server import BrokerServer
from gateway.waiting import until_decided
from gateway.wire import Wire, reason_of
from live import things
from live.session_service import SessionServiceServer
from pipes_api.messages import BrokerCall, ReportUsage
from pipes_api.names import DENIAL_META
from pipes_api.reasons import Reason
from pipes_egress.call import ToolResult, text_block
from pipes_gateway import provider
from pipes_gateway.app import Gateway
from pipes_live.audit import AuditUnavailable
from pipes_policy.call import Denial

TOOL = "snowflake_query"

pytestmark = pytest.mark.usefixtures("approved")


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
