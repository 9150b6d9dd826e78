"""Lines: so many at once of each holder, and no line for nobody."""

import asyncio

import pytest

from pipes_egress.lines import Lines


async def test_a_holder_waits_for_its_own_and_for_nobody_elses() -> None:
    lines, there, gone = Lines(at_once=2), asyncio.Event(), asyncio.Event()
    had: list[str] = []

    async def stand(holder: str) -> None:
        async with lines.turn(holder):
            had.append(holder)
            there.set()
            await gone.wait()

    many = [asyncio.create_task(stand("greedy")) for _ in range(5)]
    await there.wait()
    async with lines.turn("other"):
        assert had == ["greedy"] * 2
    gone.set()
    await asyncio.gather(*many)
    assert had == ["greedy"] * 5
    assert len(lines) == 0


async def test_who_goes_away_leaves_no_gap() -> None:
    lines, there = Lines(at_once=1), asyncio.Event()

    async def stand() -> None:
        async with lines.turn("one"):
            there.set()
            await asyncio.Event().wait()

    first, second = asyncio.create_task(stand()), asyncio.create_task(stand())
    await there.wait()
    for each in (second, first):
        each.cancel()
        with pytest.raises(asyncio.CancelledError):
            await each
    async with lines.turn("one"):
        assert len(lines) == 1
    assert len(lines) == 0
