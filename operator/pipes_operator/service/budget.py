"""What reservations get of a session's budget. Pure.

Every call takes one of `maxCalls`, a write one of `maxWrites` as well, a call
of a tool with a budget of its own one of that, and an exact call is there once.
Reads may be reserved in chunks, all else one at a time, so that a holder that
crashes loses little. What is not returned counts as spent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipes_api.messages import Reserve, Reserved
from pipes_api.resources import Limits, Usage

LARGEST_CHUNK = 5


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The most calls and writes of the session, and the most calls of single tools. What is absent is not limited."""

    session: Limits
    tools: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holding:
    """What one holder has reserved of one session and not returned: the most it can give back.

    `tools` and `exact` say which of the calls are of which tool with a budget of its own, and which are exact ones.
    """

    calls: int = 0
    writes: int = 0
    tools: Mapping[str, int] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settled:
    """What holds after some reservations.

    Attributes:
        answers: in the order of the reservations; None for one that must wait for the next round, since its holder
            has had its chunk in this one.
        exhausted: one of them found the calls of the session used up. A tool's, or an exact call's, do not end it.
    """

    usage: Usage
    holdings: dict[str, Holding]
    answers: tuple[Reserved | None, ...]
    exhausted: bool


def settle(
    usage: Usage, ceilings: Ceilings, reservations: Sequence[tuple[str, Reserve]], holdings: Mapping[str, Holding]
) -> Settled:
    """Take in what comes back and hand out what is asked for and there, in order. Each comes with its holder."""
    held = dict(holdings)
    chunks: dict[str, int] = {}
    answers: list[Reserved | None] = []
    exhausted = False
    limits = ceilings.session
    for holder, request in reservations:
        chunk = chunks.get(holder, LARGEST_CHUNK)
        if chunk == 0 and _reads(request):
            answers.append(None)
            continue
        before = held.get(holder, Holding())
        back = _returned(request, before)
        usage, before = _less(usage, back), _without(before, back)
        calls_left, writes_left = _left(limits.max_calls, usage.calls), _left(limits.max_writes, usage.writes)
        given = Reserved()
        if _is_there(request, usage, ceilings.tools):
            given = _given(request, calls_left, writes_left, chunk)
        exhausted |= (request.calls > 0 or request.writes > 0) and calls_left == 0
        taken = _taken(request, given)
        usage, held[holder] = _more(usage, taken), _with(before, taken)
        chunks[holder] = chunk - (given.calls - given.writes)
        answers.append(_with_rest(given, request, usage, ceilings))
    return Settled(usage, held, tuple(answers), exhausted)


def _with_rest(given: Reserved, request: Reserve, usage: Usage, ceilings: Ceilings) -> Reserved:
    """The answer, with what nobody has reserved after it."""
    of_tool = ceilings.tools.get(request.tool)
    return Reserved(
        calls=given.calls,
        writes=given.writes,
        calls_left=_left(ceilings.session.max_calls, usage.calls),
        writes_left=_left(ceilings.session.max_writes, usage.writes),
        tool_calls_left=_left(of_tool, usage.tools.get(request.tool, 0)),
    )


def only_returning(request: Reserve) -> Reserve:
    """The reservation without what it asks for."""
    return Reserve(
        uid=request.uid,
        return_calls=request.return_calls,
        return_writes=request.return_writes,
        tool=request.tool,
        exact=request.exact,
    )


def _returned(request: Reserve, holding: Holding) -> Holding:
    """What comes back: never more than the holder has, and with each write its call."""
    writes = min(request.return_writes, holding.writes)
    # The call of a write that is still out does not come back as a read.
    most = holding.calls - (holding.writes - writes)
    calls = min(max(request.return_calls, writes), most)
    if not calls:
        return Holding(0, writes)
    of_tool = min(calls, holding.tools.get(request.tool, 0))
    return Holding(calls, writes, {request.tool: of_tool} if of_tool else {}, holding.exact & {request.exact})


def _taken(request: Reserve, given: Reserved) -> Holding:
    if not given.calls:
        return Holding()
    return Holding(
        given.calls,
        given.writes,
        {request.tool: given.calls} if request.tool else {},
        frozenset({request.exact}) if request.exact else frozenset(),
    )


def _is_there(request: Reserve, usage: Usage, tools: Mapping[str, int]) -> bool:
    """Whether the tool, or the exact call, that the reservation names has anything left."""
    if request.exact and request.exact in usage.exact:
        return False
    ceiling = tools.get(request.tool)
    return ceiling is None or usage.tools.get(request.tool, 0) < ceiling


def _less(usage: Usage, back: Holding) -> Usage:
    return Usage(
        calls=max(usage.calls - back.calls, 0),
        writes=max(usage.writes - back.writes, 0),
        denied=usage.denied,
        tools=_counted(usage.tools, back.tools, -1),
        exact=tuple(each for each in usage.exact if each not in back.exact),
    )


def _more(usage: Usage, taken: Holding) -> Usage:
    return Usage(
        calls=usage.calls + taken.calls,
        writes=usage.writes + taken.writes,
        denied=usage.denied,
        tools=_counted(usage.tools, taken.tools, 1),
        exact=usage.exact + tuple(taken.exact),
    )


def _without(holding: Holding, back: Holding) -> Holding:
    tools = _counted(holding.tools, back.tools, -1)
    return Holding(holding.calls - back.calls, holding.writes - back.writes, tools, holding.exact - back.exact)


def _with(holding: Holding, taken: Holding) -> Holding:
    tools = _counted(holding.tools, taken.tools, 1)
    return Holding(holding.calls + taken.calls, holding.writes + taken.writes, tools, holding.exact | taken.exact)


def _counted(counts: Mapping[str, int], change: Mapping[str, int], sign: int) -> dict[str, int]:
    changed = {tool: max(counts.get(tool, 0) + sign * number, 0) for tool, number in change.items()}
    return {tool: number for tool, number in {**counts, **changed}.items() if number}


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
