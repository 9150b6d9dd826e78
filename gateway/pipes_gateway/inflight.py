"""Calls under way: each is cancelled at once when its session ends, or its connection is suspended."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pipes_live.view import LiveView

T = TypeVar("T")


class SessionOver(Exception):  # noqa: N818 - reads as what happened
    """The call was cancelled, since it may not go on."""


class InFlight:
    """Watches the view; run every provider call through `run`, and say `look` when time alone may end some."""

    def __init__(self, view: LiveView) -> None:
        self._running: dict[asyncio.Task[Any], Callable[[], bool]] = {}
        self._over: set[asyncio.Task[Any]] = set()
        view.on_change(lambda _: self.look())

    @property
    def count(self) -> int:
        return len(self._running)

    async def run(self, may_go_on: Callable[[], bool], work: Coroutine[Any, Any, T]) -> T:
        """Run `work` as long as it may go on.

        Raises:
            SessionOver: it may not any more; `work` was cancelled and has cleaned up.
        """
        task = asyncio.create_task(work)
        self._running[task] = may_go_on
        try:
            return await task
        except asyncio.CancelledError:
            if task in self._over:
                raise SessionOver from None
            task.cancel()
            raise
        finally:
            self._over.discard(task)
            del self._running[task]

    def look(self) -> None:
        """Cancel what may not go on."""
        for task, may_go_on in list(self._running.items()):
            if task not in self._over and not may_go_on():
                self._over.add(task)
                task.cancel()
