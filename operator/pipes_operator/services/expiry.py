"""One heap for everything that time alone changes: deadlines, expiry, retention."""

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime

from pipes_api.resources import AgentSession
from pipes_operator.world import Change

_LONGEST_SLEEP = 1.0
"""The heap is on the wall clock, which can be set: it is looked at at least so often."""


class Expiry:
    """Calls `due` with a session's uid at the time that `wake_at` names for it."""

    def __init__(
        self,
        wake_at: Callable[[AgentSession], datetime | None],
        due: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._wake_at = wake_at
        self._due = due
        self._now = now
        self._heap: list[tuple[datetime, str]] = []
        self._times: dict[str, datetime] = {}
        self._earlier = asyncio.Event()

    def hear(self, change: Change) -> None:
        """A listener of the World."""
        if change.kind != "session":
            return
        when = self._wake_at(change.new) if isinstance(change.new, AgentSession) else None
        if when is None:
            self._times.pop(change.uid, None)
        elif self._times.get(change.uid) != when:
            self._times[change.uid] = when
            heapq.heappush(self._heap, (when, change.uid))
            if self._heap[0][1] == change.uid:
                self._earlier.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._release()
            self._earlier.clear()
            seconds = (self._heap[0][0] - self._now()).total_seconds() if self._heap else _LONGEST_SLEEP
            try:
                async with asyncio.timeout(min(max(seconds, 0.0), _LONGEST_SLEEP)):
                    await self._earlier.wait()
            except TimeoutError:
                continue

    def _release(self) -> None:
        now = self._now()
        while self._heap and self._heap[0][0] <= now:
            when, uid = heapq.heappop(self._heap)
            if self._times.get(uid) == when:  # else it was moved or is gone
                del self._times[uid]
                self._due(uid)
