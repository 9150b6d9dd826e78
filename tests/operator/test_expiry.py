"""One heap: what is due comes at its time, and only then."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from pipes_operator.services.expiry import Expiry
from pipes_operator.world import World

START = datetime(2026, 11, 25, 12, tzinfo=UTC)


def session(uid, version=1, reason="0.05"):
    return {
        "metadata": {"name": uid, "namespace": "team", "uid": uid, "resourceVersion": str(version)},
        "spec": {
            "agent": {"serviceAccountName": "agent"},
            "bindings": [{"name": "snowflake"}],
            "duration": "5m",
            "reason": reason,
        },
    }


@pytest.fixture
async def world():
    """Sessions are due as many seconds from now as their reason says."""
    made = World()
    loop = asyncio.get_running_loop()
    began = loop.time()
    due: asyncio.Queue[str] = asyncio.Queue()
    expiry = Expiry(
        lambda each: START + timedelta(seconds=float(each.spec.reason)),
        due.put_nowait,
        now=lambda: START + timedelta(seconds=loop.time() - began),
    )
    made.listen(expiry.hear)
    task = asyncio.create_task(expiry.run())
    yield made, due
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_in_the_order_of_their_times(world):
    made, due = world
    for uid, reason in (("late", "0.2"), ("soon", "0.05"), ("past", "-5")):
        made.put_session(session(uid, reason=reason))

    async with asyncio.timeout(5):
        assert [await due.get() for _ in range(3)] == ["past", "soon", "late"]


async def test_one_that_was_moved_comes_once_at_its_new_time(world):
    made, due = world
    made.put_session(session("moved", reason="0.02"))
    made.put_session(session("moved", version=2, reason="0.3"))
    made.put_session(session("other", reason="0.1"))

    async with asyncio.timeout(5):
        assert [await due.get() for _ in range(2)] == ["other", "moved"]
    assert due.empty()


async def test_one_that_is_gone_does_not_come(world):
    made, due = world
    made.put_session(session("gone", reason="0.02"))
    made.drop_session("gone")
    made.put_session(session("other", reason="0.05"))

    async with asyncio.timeout(5):
        assert await due.get() == "other"
