"""Calls under way: whatever ends the right to one cancels it at once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from pipes_live.view import LiveView
from pipes_policy.call import Denial

from ..call import ToolResult, refusal

LOOK_EVERY_SECONDS = 1.0
"""Leases and sessions also end by time alone, when nothing is told."""


class _Running:
    def __init__(self, task: "asyncio.Task[ToolResult]", check: Callable[[], Denial | None]) -> None:
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

    async def run(self, work: Coroutine[Any, Any, ToolResult], check: Callable[[], Denial | None]) -> ToolResult:
        """Run `work` for as long as `check` has nothing against it; a denial is its result then."""
        running = _Running(asyncio.create_task(work), check)
        self._running.add(running)
        try:
            return await running.task
        except asyncio.CancelledError:
            if running.denial is not None:
                return refusal(running.denial, sent=True)
            running.task.cancel()
            raise
        finally:
            self._running.discard(running)

    def look(self) -> None:
        for running in list(self._running):
            if running.denial is None and (denial := running.check()) is not None:
                running.denial = denial
                running.task.cancel()

    async def watch(self) -> None:
        """Run as a task."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            self.look()
