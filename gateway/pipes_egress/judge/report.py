"""How many honest reads does the judge refuse? Guards that refuse too much are switched off, so it is counted.

A list has one statement a line; `\\n`, `\\t` and `\\uXXXX` stand for those
characters, and lines that begin with `##` are headings.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipes_api.resources import Access

from .verdict import Verdict

_ESCAPE = re.compile(r"\\(n|t|r|u[0-9a-fA-F]{4})")
_PLAIN = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A statement of the list that did not pass as a read, as it is written there."""

    line: int
    statement: str
    why: str


@dataclass(frozen=True, slots=True)
class Counted:
    name: str
    total: int
    refusals: tuple[Refusal, ...]


def count(name: str, lines: Iterable[str], judge: Callable[[str], Verdict]) -> Counted:
    """Judge each statement of a list of reads."""
    total = 0
    refusals: list[Refusal] = []
    for number, line in enumerate(lines, start=1):
        if line.startswith("##") or not line.strip():
            continue
        total += 1
        verdict = judge(_ESCAPE.sub(lambda match: _PLAIN.get(match[1]) or chr(int(match[1][1:], 16)), line))
        if verdict.access is not Access.READ:
            refusals.append(Refusal(number, line, verdict.why))
    return Counted(name, total, tuple(refusals))


def table(lists: Sequence[Counted]) -> str:
    """Markdown, and below it each refusal with its place and reason."""
    rows = ["| reads | n | refused | share |", "|---|---:|---:|---:|"]
    for each in lists:
        share = 100 * len(each.refusals) / each.total if each.total else 0.0
        rows.append(f"| {each.name} | {each.total} | {len(each.refusals)} | {share:.1f} % |")
    for each in lists:
        rows += [f"{each.name}:{refusal.line}: {refusal.why}: {refusal.statement:.120}" for refusal in each.refusals]
    return "\n".join(rows)
