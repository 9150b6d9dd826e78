"""The work queue: one worker a key, additions merged, failures retried, nobody starved."""

import asyncio
import contextlib

import pytest

from pipes_operator.queue import WorkQueue


@contextlib.asynccontextmanager
async def running(queue):
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_key_added_many_times_while_it_waits_is_worked_on_once():
    done = []

    async def work(key):
        done.append(key)

    queue = WorkQueue(work, workers=2)
    for _ in range(10):
        queue.add("a")
    async with running(queue):
        await queue.drained()
    assert done == ["a"]


async def test_a_key_added_during_its_work_is_worked_on_once_more_and_never_twice_at_once():
    runs, at_once = 0, 0

    async def work(key):
        nonlocal runs, at_once
        at_once += 1
        assert at_once == 1
        runs += 1
        if runs == 1:
            queue.add(key)
            queue.add(key, routine=True)
        await asyncio.sleep(0)
        at_once -= 1

    queue = WorkQueue(work, workers=4)
    queue.add("a")
    async with running(queue):
        await queue.drained()
    assert runs == 2


async def test_a_failure_is_tried_again_until_it_works():
    tries = asyncio.Queue()

    async def work(key):
        tries.put_nowait(key)
        if tries.qsize() < 4:
            raise RuntimeError("not yet")
        finished.set()

    finished = asyncio.Event()
    queue = WorkQueue(work, workers=1, first_delay=0.001)
    queue.add("a")
    async with running(queue):
        async with asyncio.timeout(5):
            await finished.wait()
        await queue.drained()
    assert tries.qsize() == 4


async def test_a_failing_key_does_not_hold_up_others():
    done = asyncio.Event()

    async def work(key):
        if key == "bad":
            raise RuntimeError("always")
        done.set()

    queue = WorkQueue(work, workers=1, first_delay=10)
    queue.add("bad")
    queue.add("good")
    async with running(queue), asyncio.timeout(5):
        await done.wait()


@pytest.mark.parametrize("urgent_first", [True, False])
async def test_neither_urgent_nor_routine_keys_starve(urgent_first):
    order = []

    async def work(key):
        order.append(key)

    queue = WorkQueue(work, workers=1)
    lanes = (False, True) if urgent_first else (True, False)
    for routine in lanes:
        for number in range(100):
            queue.add((routine, number), routine=routine)
    async with running(queue):
        await queue.drained()
    urgent = [index for index, (routine, _) in enumerate(order) if not routine]
    assert urgent[-1] < 140
    assert [routine for routine, _ in order[:40]].count(True) == 10


async def test_a_routine_key_becomes_urgent_when_somebody_waits_for_it():
    order = []

    async def work(key):
        order.append(key)

    queue = WorkQueue(work, workers=1)
    for number in range(50):
        queue.add(number, routine=True)
    queue.add(49)
    async with running(queue):
        await queue.drained()
    assert order[0] == 49
    assert len(order) == 50


async def test_a_delayed_key_comes_at_its_time():
    loop = asyncio.get_running_loop()
    times = {}

    async def work(key):
        times[key] = loop.time()
        if len(times) == 2:
            done.set()

    done = asyncio.Event()
    queue = WorkQueue(work, workers=1)
    started = loop.time()
    async with running(queue), asyncio.timeout(5):
        queue.add_after("late", 0.1)
        queue.add_after("soon", 0.02)
        await done.wait()
    assert 0.02 <= times["soon"] - started < times["late"] - started
    assert times["late"] - started >= 0.1
