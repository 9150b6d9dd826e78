"""What ends a call that is under way, when, and what its agent is told."""

import asyncio

import aiohttp
import pytest

from gateway.broker_server import BrokerServer
from gateway.waiting import until, until_decided
from gateway.wire import Wire, reason_of
from live import things
from live.session_service import SessionServiceServer
from pipes_api.states import SessionState
from pipes_gateway.app import Gateway

TOOL = "snowflake_query"

pytestmark = pytest.mark.usefixtures("approved")


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
