"""Our work queue: keys, not events. What is to be done is decided from the state when a worker gets to it.

A key is never worked on twice at once, and any number of additions while it
waits are one. Urgent keys (a person or an agent waits) come before routine ones
(expiry, retention), of which every fourth turn takes one, so that neither a mass
expiry nor a mass approval starves the other.
"""

import asyncio
import heapq
import itertools
import logging
import random
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)

_ROUTINE_EVERY = 4


class WorkQueue(Generic[Key]):
    """Keys for `work`, which raises when it must be tried again: after `first_delay` seconds, doubling, with jitter."""

    def __init__(
        self,
        work: Callable[[Key], Awaitable[None]],
        *,
        workers: int,
        first_delay: float = 0.05,
        longest_delay: float = 60.0,
    ) -> None:
        self._work = work
        self._workers = workers
        self._first_delay = first_delay
        self._longest_delay = longest_delay
        self._urgent: OrderedDict[Key, None] = OrderedDict()
        self._routine: OrderedDict[Key, None] = OrderedDict()
        self._working: set[Key] = set()
        self._again: dict[Key, bool] = {}
        self._failures: dict[Key, int] = {}
        self._delayed: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._turn = itertools.count(1)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._urgent) + len(self._routine) + len(self._working)

    def add(self, key: Key, *, routine: bool = False) -> None:
        """Have the key worked on soon. While it is being worked on, it is taken up once more afterwards."""
        if key in self._working:
            self._again[key] = self._again.get(key, True) and routine
            return
        if routine and key not in self._urgent:
            self._routine[key] = None
        elif not routine:
            self._routine.pop(key, None)
            self._urgent[key] = None
        self._notify()

    def add_after(self, key: Key, seconds: float) -> None:
        """Have the key worked on after a delay; an addition before then does not cancel it."""
        when = asyncio.get_running_loop().time() + seconds
        heapq.heappush(self._delayed, (when, next(self._order), key))
        self._arm()

    async def run(self) -> None:
        """Work until cancelled."""
        self._arm()
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker())

    async def drained(self) -> None:
        """Until nothing waits and nothing is being worked on (delayed keys aside)."""
        while len(self):
            self._idle.clear()
            await self._idle.wait()

    async def _worker(self) -> None:
        while True:
            key = await self._next()
            try:
                await self._work(key)
            except Exception as error:
                self._retry(key, error)
            else:
                self._failures.pop(key, None)
            finally:
                self._working.discard(key)
                again = self._again.pop(key, None)
                if again is not None:
                    self.add(key, routine=again)
                if not len(self):
                    self._idle.set()

    async def _next(self) -> Key:
        while not self._urgent and not self._routine:
            woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(woken)
            await woken
        routine_first = next(self._turn) % _ROUTINE_EVERY == 0
        lanes = (self._routine, self._urgent) if routine_first else (self._urgent, self._routine)
        lane = next(each for each in lanes if each)
        key, _ = lane.popitem(last=False)
        self._working.add(key)
        return key

    def _retry(self, key: Key, error: Exception) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self._first_delay * 2 ** min(failures, 20), self._longest_delay)
        delay *= random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, decides nothing
        level = logging.INFO if failures < 3 else logging.WARNING
        logger.log(level, "%s: %s: %s; again in %.1f s", key, type(error).__name__, error, delay)
        self.add_after(key, delay)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._delayed:
            self._timer = asyncio.get_running_loop().call_at(self._delayed[0][0], self._release)

    def _release(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._delayed and self._delayed[0][0] <= now:
            _, _, key = heapq.heappop(self._delayed)
            self.add(key)
        self._arm()

    def _notify(self) -> None:
        while self._waiting:
            woken = self._waiting.popleft()
            if not woken.done():
                woken.set_result(None)
                return
