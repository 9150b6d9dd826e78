"""Calls under way, by session: when a session ends, its calls are cancelled at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from pipes_live.view import ChangeKind, LiveView, ViewChange

T = TypeVar("T")


class SessionOver(Exception):  # noqa: N818 - reads as what happened
    """The call was cancelled, since its session is not live any more."""


class InFlight:
    """Watches the view; run every provider call through `run`."""

    def __init__(self, view: LiveView) -> None:
        self._view = view
        self._tasks: dict[str, set[asyncio.Task[Any]]] = {}
        self._over: set[asyncio.Task[Any]] = set()
        view.on_change(self._changed)

    @property
    def count(self) -> int:
        return sum(len(tasks) for tasks in self._tasks.values())

    async def run(self, session_uid: str, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` as long as the session is live.

        Raises:
            SessionOver: the session ended, and `work` was cancelled and has cleaned up.
        """
        task = asyncio.create_task(work)
        tasks = self._tasks.setdefault(session_uid, set())
        tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if task in self._over:
                raise SessionOver from None
            task.cancel()
            raise
        finally:
            self._over.discard(task)
            tasks.discard(task)
            if not tasks:
                self._tasks.pop(session_uid, None)

    def _changed(self, change: ViewChange) -> None:
        uids = [change.uid] if change.kind is ChangeKind.SESSION else []
        if change.kind is ChangeKind.SNAPSHOT:
            uids = list(self._tasks)
        for uid in uids:
            session = self._view.session(uid)
            if session is None or not session.live:
                self._end(uid)

    def _end(self, uid: str) -> None:
        for task in self._tasks.get(uid, ()):
            self._over.add(task)
            task.cancel()
