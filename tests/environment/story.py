"""Tells a story step by step: what happens, what was seen, how long it took."""

import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class StoryBrokenError(Exception):
    """A step did not happen as it must."""


@dataclass
class Step:
    """One step; `saw` adds a line of evidence below its title."""

    title: str
    lines: list[str] = field(default_factory=list)

    def saw(self, text: str) -> None:
        for line in text.strip().splitlines():
            # What a refusal tells to do stands at its end, so a sentence goes on in a second line.
            self.lines += textwrap.wrap(line, 130, max_lines=3, placeholder=" …") or [""]

    def must(self, happened: bool, otherwise: str) -> None:
        """The step happened, or the story ends here."""
        if not happened:
            raise StoryBrokenError(f"{self.title}: {otherwise}")


class Story:
    """Numbers and times its steps. Colours only on a terminal."""

    def __init__(self) -> None:
        self._number = 0
        self._colour = sys.stdout.isatty()
        self._started = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        self._number += 1
        step = Step(title)
        started = time.monotonic()
        try:
            yield step
        except BaseException:
            self._print(step, time.monotonic() - started, "✗", "31")
            raise
        self._print(step, time.monotonic() - started, "✓", "32")

    def say(self, text: str) -> None:
        print(text, flush=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def _print(self, step: Step, seconds: float, mark: str, colour: str) -> None:
        took = f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
        print(f"{self._paint(mark, colour)} {self._number:2}. {self._paint(step.title, '1')}  ({took})")
        for line in step.lines:
            print(f"       {line}")
        print(flush=True)

    def _paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self._colour else text
