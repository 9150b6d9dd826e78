"""Tells every open stream that the tool list has changed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Changes:
    """Any number of changes that nobody has told yet are one: a slow reader holds no queue."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()
        self.closing = False

    @contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever there is something to tell; the listener clears it."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            yield changed
        finally:
            self._waiting.discard(changed)

    @property
    def listeners(self) -> int:
        return len(self._waiting)

    def tell(self) -> None:
        for changed in self._waiting:
            changed.set()

    def close(self) -> None:
        """The server stops: streams end by themselves."""
        self.closing = True
        self.tell()
