"""A change that a server announces between calls is heard; the stream that hears it obeys the sessions it serves."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hosted_server import BOTH_ERAS, MODERN, HostedServer, Reply, Seen, tool
from hosted_support import HostedWorld, hosted_world
from pipes_api.reasons import Reason
from pipes_egress.hosted import listening
from pipes_policy.call import Denial

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=BOTH_ERAS)
async def announcing(request: pytest.FixtureRequest, sandbox_url: str) -> AsyncIterator[HostedServer]:
    async with HostedServer(sandbox_url, request.param, announces=True).running() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def world(
    announcing: HostedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[HostedWorld]:
    """The list is never too old, so that only what is heard can make a difference."""
    monkeypatch.setattr(listening, "FIRST_PAUSE_SECONDS", 0.05)
    async with hosted_world(tmp_path, announcing, hosted_list_seconds=86_400) as made:
        announcing.offer(tool("announce"), announcing.announce)
        announcing.offer(tool("go"))
        made.approve()
        yield made


STREAM = {True: "subscriptions/listen", False: "GET"}
"""What asks for it, in the stateless era and before."""


def opens(seen: Seen) -> bool:
    return seen.asks in STREAM.values()


def streams(world: HostedWorld) -> list[Seen]:
    return [each for each in world.server.seen if opens(each)]


async def heard(world: HostedWorld) -> Any:
    """Call until the change has been heard; announced in each round, since the first may come before the stream."""
    async with asyncio.timeout(10):
        while True:
            await world.call("announce")
            result = await world.call("go")
            if result.denial is not None:
                return result.denial.reason


async def test_a_change_that_is_announced_between_calls_is_denied_before_the_list_is_old(world: HostedWorld) -> None:
    assert not (await world.call("go")).is_error
    await world.server.arrived(opens)
    world.server.offer(tool("go", "Another."))

    assert await heard(world) is Reason.TOOLS_CHANGED
    (stream,) = streams(world)
    assert stream.headers["authorization"].startswith("Bearer ")
    if world.server.era == MODERN:
        assert stream.body["params"]["notifications"] == {"toolsListChanged": True}


async def test_all_sessions_of_an_account_share_one_stream_which_ends_with_the_last(world: HostedWorld) -> None:
    for session in ("session-1", "session-2", "session-3"):
        await world.call("go", uid=session)
    await world.server.arrived(opens)
    held = list(world.egress._hosted._held.values())
    tasks = [each.upstream._listener._task for each in held]
    world.egress.drop("session-1")
    world.egress.drop("session-2")
    assert [task is not None and task.done() for task in tasks] == [False]
    world.egress.drop("session-3")
    await asyncio.gather(*filter(None, tasks), return_exceptions=True)

    assert len(streams(world)) == 1
    assert not world.egress._hosted._held


def listener_of(world: HostedWorld) -> "asyncio.Task[None]":
    (held,) = world.egress._hosted._held.values()
    task = held.upstream._listener._task
    assert task is not None
    return task


async def test_a_stream_that_ends_is_opened_again_and_what_was_missed_is_looked_for(world: HostedWorld) -> None:
    ended = Reply(STREAM[world.server.era == MODERN], headers={"Content-Type": "text/event-stream"}, chunks=(b":\n\n",))
    world.server.replies.append(ended)
    await world.call("go")
    await world.server.arrived(lambda _: len(streams(world)) > 1)

    assert not (await world.call("go")).is_error
    assert len(world.server.asked("tools/list")) == 2


async def test_a_stream_is_not_opened_again_once_policy_refuses(world: HostedWorld) -> None:
    ended = Reply(STREAM[world.server.era == MODERN], headers={"Content-Type": "text/event-stream"}, chunks=(b":\n\n",))
    world.server.replies.append(ended)
    revoked = Denial(reason=Reason.SESSION_REVOKED, message="revoked", remedy="Ask.")

    await world.call("go", check=lambda *_: revoked if streams(world) else None)
    async with asyncio.timeout(10):
        await asyncio.wait({listener_of(world)})

    assert len(streams(world)) == 1


async def test_a_server_that_does_not_serve_the_stream_is_not_asked_again(world: HostedWorld) -> None:
    world.server.replies.append(Reply(STREAM[world.server.era == MODERN], 405, times=99))
    await world.call("go")
    async with asyncio.timeout(10):
        await asyncio.wait({listener_of(world)})
    assert not (await world.call("go")).is_error

    assert len(streams(world)) == 1


async def test_a_server_that_promises_nothing_is_not_listened_to(tmp_path: Path, sandbox_url: str) -> None:
    async with HostedServer(sandbox_url).running() as server, hosted_world(tmp_path, server) as world:
        server.offer(tool("go"))
        await world.call("go")
        (held,) = world.egress._hosted._held.values()

    assert held.upstream._listener._task is None
