"""A call under way ends at once when its right does; every other cancellation stays what it was."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from pipes_api.reasons import Reason
from pipes_live.inflight import CallOver, InFlight
from pipes_policy.call import Denial

DENIAL = Denial(reason=Reason.SESSION_REVOKED, message="revoked", remedy="ask")


class View:
    """What `InFlight` needs of a view."""

    def on_change(self, callback: Callable[[Any], None]) -> None:
        self.tell = callback


def _in_flight() -> tuple[InFlight, View]:
    view = View()
    return InFlight(view), view  # type: ignore[arg-type]


async def test_a_result_passes_through() -> None:
    in_flight, _ = _in_flight()

    async def work() -> int:
        return 7

    assert await in_flight.run(work(), lambda: DENIAL) == 7
    assert len(in_flight) == 0


async def test_what_may_not_go_on_is_cancelled_and_cleans_up_first() -> None:
    in_flight, view = _in_flight()
    begun, cleaned = asyncio.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    async def calling() -> str:
        try:
            await in_flight.run(work(), lambda: DENIAL)
        except CallOver as over:
            # The task goes on: nothing of the cancellation is left in it.
            await asyncio.sleep(0)
            return over.denial.message
        return "not over"

    task = asyncio.create_task(calling())
    await begun.wait()
    view.tell(None)
    assert await task == "revoked"
    assert cleaned == [True]


async def test_a_caller_that_leaves_is_no_denial() -> None:
    in_flight, _ = _in_flight()
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(in_flight.run(work(), lambda: None))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_limit_around_it_stays_a_time_limit() -> None:
    in_flight, _ = _in_flight()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await in_flight.run(asyncio.Event().wait(), lambda: None)


async def test_a_caller_that_leaves_while_the_call_is_ended_leaves_all_the_same() -> None:
    in_flight, view = _in_flight()
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(in_flight.run(work(), lambda: DENIAL))
    await begun.wait()
    view.tell(None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
