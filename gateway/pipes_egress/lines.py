"""Lines for what many share: so many at once of each holder, so that none has all there is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Line:
    room: asyncio.Semaphore
    waiting: int = 0


class Lines:
    """One line for each holder, for as long as anybody stands in it."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    @asynccontextmanager
    async def turn(self, holder: str) -> AsyncIterator[None]:
        """Wait for a turn, first come, first served, and have it until the end of the block."""
        line = self._lines.setdefault(holder, _Line(asyncio.Semaphore(self._at_once)))
        line.waiting += 1
        try:
            async with line.room:
                yield
        finally:
            line.waiting -= 1
            if not line.waiting:
                del self._lines[holder]
