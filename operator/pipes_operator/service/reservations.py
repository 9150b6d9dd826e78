"""Reservations of calls: written into `status.usage` before they are answered, many of one session in one write."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pipes_api.messages import Identity, Reserve, Reserved
from pipes_api.reasons import Reason
from pipes_api.resources import AgentSession, Limits, Usage
from pipes_api.states import SessionState
from pipes_operator.kube.errors import Conflict, KubeError, NotFound
from pipes_operator.world import World
from pipes_operator.writer import Writer

from . import budget, metrics, views
from .budget import Ceilings, Holding, Settled
from .definitions import Definitions
from .ending import ended_status, is_budgeted, limits_of, with_usage
from .finding import find_used
from .rates import Rate
from .refusals import Refused, invalid, not_found, unavailable

PER_SECOND = 10.0
"""Reservations of one session: more than an agent needs, less than what would stop others' writes."""

_ATTEMPTS = 8
_MOST_AT_ONCE = 1000
_LINES_KEPT = 5000
_REASONS = {
    SessionState.PENDING: Reason.AWAITING_APPROVAL,
    SessionState.AWAITING_APPROVAL: Reason.AWAITING_APPROVAL,
    SessionState.DENIED: Reason.SESSION_DENIED,
    SessionState.REQUEST_TIMED_OUT: Reason.REQUEST_TIMED_OUT,
    SessionState.GRANT_CHANGED: Reason.GRANT_CHANGED,
    SessionState.POLICY_CHANGED: Reason.POLICY_CHANGED,
    SessionState.EXPIRED: Reason.SESSION_EXPIRED,
    SessionState.REVOKED: Reason.SESSION_REVOKED,
    SessionState.BUDGET_EXHAUSTED: Reason.BUDGET_EXHAUSTED,
    SessionState.POD_GONE: Reason.POD_GONE,
}


@dataclass(eq=False, slots=True)
class _Waiting:
    holder: str
    request: Reserve
    answer: "asyncio.Future[Reserved]"

    @property
    def asks(self) -> bool:
        return self.request.calls > 0 or self.request.writes > 0

    def tell(self, answer: Reserved) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def refuse(self, refused: Refused) -> None:
        if not self.answer.done():
            self.answer.set_exception(refused)


@dataclass(slots=True)
class _Line:
    """The reservations of one session, worked off by one task."""

    rate: Rate = field(default_factory=lambda: Rate(PER_SECOND))
    waiting: list[_Waiting] = field(default_factory=list)
    holdings: dict[str, Holding] = field(default_factory=dict)
    task: "asyncio.Task[None] | None" = None


class Reservations:
    """Budgets of sessions with limits. `allowed`: whether the operator leads, with a current view, at that moment."""

    def __init__(self, world: World, writer: Writer, definitions: Definitions, allowed: Callable[[], bool]) -> None:
        self._world = world
        self._writer = writer
        self._definitions = definitions
        self._allowed = allowed
        self._lines: dict[str, _Line] = {}

    async def reserve(self, caller: Identity, name: str, request: Reserve) -> Reserved:
        """Take calls from the budget, give back what is unused.

        Raises:
            Refused: not the caller's session, not live, more than 10 a second, or the write could not be made.
        """
        counts = (request.calls, request.writes, request.return_calls, request.return_writes)
        if any(not 0 <= each <= _MOST_AT_ONCE for each in counts):
            raise invalid(f"each number must be between 0 and {_MOST_AT_ONCE}")
        session = find_used(self._world, caller, name, request.uid, request.namespace)
        line = self._line(session.metadata.uid)
        waiting = _Waiting(caller.pod_uid, request, asyncio.get_running_loop().create_future())
        _check_named(session, request)
        if waiting.asks:
            self._check(session, line, request)
        metrics.RESERVATIONS.inc()
        line.waiting.append(waiting)
        if line.task is None:
            line.task = asyncio.create_task(self._work(session.metadata.uid, line))
        return await waiting.answer

    async def stop(self) -> None:
        """Let what is being written come to its end."""
        tasks = [line.task for line in self._lines.values() if line.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=2.0)

    def _line(self, uid: str) -> _Line:
        if uid not in self._lines and len(self._lines) >= _LINES_KEPT:
            # Of a session that is gone nothing can be returned any more.
            for old, line in list(self._lines.items()):
                if line.task is None and self._world.session(old) is None:
                    del self._lines[old]
        return self._lines.setdefault(uid, _Line())

    def _check(self, session: AgentSession, line: _Line, request: Reserve) -> None:
        limited = is_budgeted(session) or bool(self._tool_ceilings(session, {request.tool}))
        if views.grant_of(session) is not None and not limited:
            raise invalid("the session has no limits, so there is nothing to reserve")
        seconds = line.rate.wait_seconds()
        if seconds:
            message = f"more than {PER_SECOND:g} reservations a second for one session"
            raise Refused(Reason.RATE_LIMITED, message, "call more slowly", seconds)
        if not self._allowed():
            raise unavailable("the operator cannot be sure that its view is current")

    async def _work(self, uid: str, line: _Line) -> None:
        try:
            while line.waiting:
                batch, line.waiting = line.waiting, []
                try:
                    line.waiting = [*await self._settle(uid, line, batch), *line.waiting]
                except Refused as refused:
                    for each in batch:
                        each.refuse(refused)
        finally:
            line.task = None
            for each in line.waiting:
                each.refuse(unavailable("the reservation could not be made"))

    async def _settle(self, uid: str, line: _Line, batch: list[_Waiting]) -> list[_Waiting]:
        """Answer the batch after one write; what must wait for the next round comes back."""
        try:
            settled, refused = await self._write(uid, line, batch)
        except BaseException:
            for each in batch:
                each.refuse(unavailable("the reservation could not be made"))
            raise
        line.holdings = settled.holdings
        later = []
        for each, answer in zip(batch, settled.answers, strict=True):
            if refused is not None and each.asks:
                each.refuse(refused)
            elif answer is None:
                later.append(each)
            else:
                each.tell(answer)
        return later

    async def _write(self, uid: str, line: _Line, batch: list[_Waiting]) -> tuple[Settled, Refused | None]:
        for _ in range(_ATTEMPTS):
            session = self._world.session(uid)
            if session is None:
                raise not_found("of that uid")
            now = datetime.now(UTC)
            refused = _refusal(session, now)
            asked = [
                (each.holder, each.request if refused is None else budget.only_returning(each.request))
                for each in batch
            ]
            usage = session.status.usage or Usage()
            named = {request.tool for _, request in asked if request.tool}
            ceilings = Ceilings(limits_of(session) or Limits(), self._tool_ceilings(session, named))
            settled = budget.settle(usage, ceilings, asked, line.holdings)
            status = session.status
            if settled.exhausted and refused is None:
                message = "The session's calls are used up."
                status = ended_status(session, SessionState.BUDGET_EXHAUSTED, message, now)
            elif settled.usage == usage:
                return settled, refused
            try:
                metrics.RESERVATION_WRITES.inc()
                await self._writer.write_status(session, with_usage(session, status, settled.usage))
            except Conflict:
                await self._refresh(session)
            except NotFound:
                raise not_found(session.metadata.name) from None
            except KubeError as error:
                # It may have been written all the same: then these calls count as spent.
                raise unavailable(f"the reservation could not be written (HTTP {error.status})") from None
            else:
                return settled, refused
        raise unavailable("the session is being changed by others")

    def _tool_ceilings(self, session: AgentSession, tools: set[str]) -> dict[str, int]:
        """The most calls of those tools: the narrower of the grant and of the binding as it is now."""
        grant = views.grant_of(session)
        found: dict[str, int] = {}
        for granted in grant.bindings if grant is not None else ():
            binding = self._world.binding(session.metadata.namespace, granted.name)
            same = binding is not None and binding.metadata.uid == granted.uid
            now = self._definitions.offer(binding).limits if binding is not None and same else {}
            for tool in tools & granted.tools.keys():
                ceilings = [each[tool].max_calls for each in (granted.limits, now) if tool in each]
                given = [each for each in ceilings if each is not None]
                if given:
                    found[tool] = min(given)
        return found

    async def _refresh(self, session: AgentSession) -> None:
        metadata = session.metadata
        try:
            await self._writer.refresh_session(metadata.namespace, metadata.name)
        except NotFound:
            self._world.drop_session(metadata.uid)
        except KubeError as error:
            raise unavailable(f"the session could not be read (HTTP {error.status})") from None


def _check_named(session: AgentSession, request: Reserve) -> None:
    """A tool and an exact call that are named must be the grant's, and are reserved and returned one by one."""
    if not request.tool and not request.exact:
        return
    if max(request.calls, request.writes, request.return_calls, request.return_writes) > 1:
        raise invalid("calls of a tool with a budget of its own, and exact calls, are reserved one by one")
    grant = views.grant_of(session)
    bindings = grant.bindings if grant is not None else ()
    if request.tool and not any(request.tool in each.tools for each in bindings):
        raise invalid(f"the session grants no tool {request.tool[:64]!r}")
    if request.exact and not any(call.id == request.exact for each in bindings for call in each.calls):
        raise invalid("the session grants no such exact call")


def _refusal(session: AgentSession, now: datetime) -> Refused | None:
    """Why nothing may be reserved; None while the session is live."""
    if views.is_live(session, now):
        return None
    holds = views.standing(session, now)
    reason = _REASONS.get(holds.state, Reason.SESSION_ENDED)
    return Refused(reason, views.sentence(holds), "ask for a new session")
