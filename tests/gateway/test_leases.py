"""A stream that is cut: nobody says that a session is over, time does."""

import asyncio

from gateway.broker_server import BrokerServer
from gateway.waiting import until
from gateway.wire import Wire
from live import things
from live.session_service import SessionServiceServer
from pipes_api.names import DENIAL_META
from pipes_gateway.app import Gateway

TOOL = "snowflake_query"


async def lasting(gateway: Gateway, service: SessionServiceServer, seconds: float) -> None:
    """A live session whose lease runs so long, and no stream that could renew it."""
    service.lease_seconds = seconds
    service.put(things.session())
    await until(lambda: 0.0 < (gateway.view.lease_until("session-1") or 0.0) <= gateway.view.clock() + seconds)
    service.answers_watch = False
    service.cut()
    await until(lambda: not gateway.view.connected)


async def test_a_session_goes_on_until_its_lease_ends_and_then_no_more(
    wire: Wire, broker: BrokerServer, service: SessionServiceServer, gateway: Gateway
) -> None:
    await lasting(gateway, service, 1)
    assert not (await wire.call(TOOL)).get("isError")
    end = gateway.view.lease_until("session-1")
    assert end is not None
    await until(lambda: gateway.view.clock() > end)
    refused = await wire.call(TOOL)
    assert refused["_meta"][DENIAL_META]["reason"] == "LeaseExpired"
    assert len(broker.calls) == 1
    service.answers_watch = True
    await until(lambda: gateway.view.connected)
    assert not (await wire.call(TOOL)).get("isError"), "the stream is back, and the operator says that it is live"


async def test_a_lease_that_runs_out_cancels_what_is_under_way(
    wire: Wire, broker: BrokerServer, service: SessionServiceServer, gateway: Gateway
) -> None:
    service.put(things.session())
    await until(lambda: gateway.view.lease_until("session-1") is not None)
    broker.work = broker.blocked
    call = asyncio.create_task(wire.call(TOOL))
    await broker.running.wait()
    # Not before: on a busy machine the lease would be over when the call begins.
    await lasting(gateway, service, 1)
    result = await asyncio.wait_for(call, 5)
    assert result["_meta"][DENIAL_META]["reason"] == "LeaseExpired"
    await asyncio.wait_for(broker.cancelled.wait(), 2)
