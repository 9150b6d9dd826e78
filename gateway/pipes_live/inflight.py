"""Calls under way: whatever ends the right to one cancels it at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pipes_policy.call import Denial

from .view import LiveView

LOOK_EVERY_SECONDS = 1.0
"""Leases and sessions also end by time alone, when nothing is told."""

T = TypeVar("T")
Check = Callable[[], Denial | None]


class CallOver(Exception):  # noqa: N818 - reads as what happened
    """The call was cancelled, since it may not go on; `denial` says why."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.message)
        self.denial = denial


class _Running:
    def __init__(self, task: "asyncio.Task[Any]", check: Check) -> None:
        self.task = task
        self.check = check
        self.denial: Denial | None = None


class InFlight:
    """Asks every running call's policy chain again after each change of the view, and each second."""

    def __init__(self, view: LiveView) -> None:
        self._running: set[_Running] = set()
        view.on_change(lambda _: self.look())

    def __len__(self) -> int:
        return len(self._running)

    async def run(self, work: Awaitable[T], check: Check) -> T:
        """Await `work`, in the task that calls, for as long as `check` has nothing against it.

        Raises:
            CallOver: `check` had; `work` was cancelled and has cleaned up.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call runs in a task")
        running = _Running(task, check)
        self._running.add(running)
        try:
            return await work
        except asyncio.CancelledError:
            # That of the caller, or of a time limit, goes on to whoever asked for it.
            if running.denial is None or task.uncancel() > 0:
                raise
            raise CallOver(running.denial) from None
        finally:
            self._running.discard(running)

    def look(self) -> None:
        """Cancel what may not go on."""
        for running in list(self._running):
            if running.denial is None and (denial := running.check()) is not None:
                running.denial = denial
                running.task.cancel()

    async def watch(self) -> None:
        """Run as a task."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            self.look()
