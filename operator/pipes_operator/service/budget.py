"""What reservations get of a session's budget. Pure.

Every call takes one of `maxCalls`, a write one of `maxWrites` as well. Reads
may be reserved in chunks, writes one at a time, so that a holder that crashes
loses little. What is not returned counts as spent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipes_api.messages import Reserve, Reserved
from pipes_api.resources import Limits, Usage

LARGEST_CHUNK = 5


@dataclass(frozen=True, slots=True)
class Holding:
    """What one holder has reserved of one session and not returned: the most it can give back."""

    calls: int = 0
    writes: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What holds after some reservations.

    Attributes:
        answers: in the order of the reservations; None for one that must wait for the next round, since its holder
            has had its chunk in this one.
        exhausted: one of them found the calls used up.
    """

    usage: Usage
    holdings: dict[str, Holding]
    answers: tuple[Reserved | None, ...]
    exhausted: bool


def settle(
    usage: Usage, limits: Limits, reservations: Sequence[tuple[str, Reserve]], holdings: Mapping[str, Holding]
) -> Settled:
    """Take in what comes back and hand out what is asked for and there, in order. Each comes with its holder."""
    held = dict(holdings)
    chunks: dict[str, int] = {}
    answers: list[Reserved | None] = []
    exhausted = False
    for holder, request in reservations:
        chunk = chunks.get(holder, LARGEST_CHUNK)
        if chunk == 0 and _reads(request):
            answers.append(None)
            continue
        before = held.get(holder, Holding())
        back = _returned(request, before)
        used = Usage(
            calls=max(usage.calls - back.calls, 0), writes=max(usage.writes - back.writes, 0), denied=usage.denied
        )
        given = _given(request, _left(limits.max_calls, used.calls), _left(limits.max_writes, used.writes), chunk)
        exhausted |= (request.calls > 0 or request.writes > 0) and _left(limits.max_calls, used.calls) == 0
        usage = Usage(calls=used.calls + given.calls, writes=used.writes + given.writes, denied=used.denied)
        held[holder] = Holding(before.calls - back.calls + given.calls, before.writes - back.writes + given.writes)
        chunks[holder] = chunk - (given.calls - given.writes)
        answers.append(given)
    return Settled(usage, held, tuple(answers), exhausted)


def only_returning(request: Reserve) -> Reserve:
    """The reservation without what it asks for."""
    return Reserve(uid=request.uid, return_calls=request.return_calls, return_writes=request.return_writes)


def _returned(request: Reserve, holding: Holding) -> Holding:
    """What comes back: never more than the holder has, and with each write its call."""
    writes = min(request.return_writes, holding.writes)
    # The call of a write that is still out does not come back as a read.
    most = holding.calls - (holding.writes - writes)
    return Holding(min(max(request.return_calls, writes), most), writes)


def _given(request: Reserve, calls_left: int | None, writes_left: int | None, chunk: int) -> Reserved:
    # A write that is not to be had must not leave a call behind that could be used to read.
    writes = _at_most(min(request.writes, 1), calls_left, writes_left)
    left = None if calls_left is None else calls_left - writes
    if left is not None:
        # Near the end in halves, so that another holder of the same session gets some too.
        chunk = min(chunk, (left + 1) // 2)
    reads = _at_most(min(_reads(request), chunk), left)
    return Reserved(calls=reads + writes, writes=writes)


def _reads(request: Reserve) -> int:
    return max(request.calls - request.writes, 0)


def _at_most(asked: int, *ceilings: int | None) -> int:
    return max(min([asked, *(each for each in ceilings if each is not None)]), 0)


def _left(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(limit - used, 0)
