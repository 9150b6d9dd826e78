"""The way of a call through the broker: who, under which session, allowed or not, done, recorded."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from pipes_api.messages import BrokerCall, SessionView
from pipes_api.resources import Access
from pipes_api.states import TERMINAL
from pipes_live.audit import AuditUnavailable, arguments_hash, audit
from pipes_live.budget import Budget
from pipes_live.inflight import CallOver, InFlight
from pipes_live.rate import RateLimiter
from pipes_live.usage import UsageReporter
from pipes_live.view import ChangeKind, LiveView, ViewChange
from pipes_policy import chain
from pipes_policy.call import Denial

from ..call import Progress, Reserve, ToolRequest, ToolResult, refusal
from ..egress import Egress
from .facts import Asked, Facts

log = logging.getLogger(__name__)

CATCH_UP_SECONDS = 2.0
"""A gateway may hear of a new session some milliseconds before the broker does."""


@dataclass(slots=True)
class _Progressing:
    """One call: what is known of it, and what it has taken from the budget."""

    asked: Asked
    call: BrokerCall
    session: SessionView
    access: Access | None = None
    reserved: list[Access] = field(default_factory=list)


class BrokerCalls:
    """Executes calls that the policy chain allows now."""

    def __init__(self, view: LiveView, egress: Egress, budget: Budget, usage: UsageReporter) -> None:
        self._facts = Facts(view)
        self._egress = egress
        self._budget = budget
        self._usage = usage
        self._rates = RateLimiter(view.clock)
        self._catching_up = _CatchingUp(view)
        self.in_flight = InFlight(view)
        view.on_change(self._changed)

    async def execute(self, asked: Asked, call: BrokerCall, progress: Progress) -> ToolResult:
        """The result of the call, a denial included. Cancelling it cancels the call at the provider."""
        await self._catching_up.until(lambda: self._known(asked))
        denial = self._facts.denial(asked)
        session = self._facts.session(asked)
        if denial is not None or session is None:
            return self._denied(asked, call, denial or chain.ended(self._facts.call(asked)))
        progressing = _Progressing(asked, call, session)
        try:
            result = await self.in_flight.run(
                self._send(progressing, progress),
                lambda: self._facts.denial(asked, progressing.access, reserved=bool(progressing.reserved)),
            )
        except CallOver as over:
            result = refusal(over.denial, sent=True)
        if result.denial is not None:
            self._denied(asked, call, result.denial)
        return result

    async def _send(self, progressing: _Progressing, progress: Progress) -> ToolResult:
        asked, session = progressing.asked, progressing.session
        granted = session.grant.binding(asked.binding) if session.grant is not None else None
        definition = self._facts.call(asked).definition
        if session.grant is None or granted is None or definition is None:
            raise LookupError("the policy chain let a call pass that has no grant")

        def check(needs: Access | None, reserved: bool) -> Denial | None:
            progressing.access = needs
            return self._facts.denial(asked, needs, reserved=reserved)

        sent = False
        try:
            result = await self._egress.execute(
                ToolRequest(
                    grant=session.grant,
                    granted=granted,
                    definition=definition,
                    arguments=progressing.call.arguments,
                    check=check,
                    reserve=self._reserving(progressing),
                    progress=progress,
                    session=session.name,
                    traceparent=progressing.call.traceparent,
                )
            )
            sent = result.sent
            return result
        except asyncio.CancelledError:
            sent = True  # it may have been: what cannot be told counts as spent
            raise
        finally:
            await self._settle(progressing, sent=sent)

    async def _settle(self, progressing: _Progressing, *, sent: bool) -> None:
        for access in progressing.reserved:
            if sent:
                self._usage.called(progressing.session, access)
            else:
                await self._budget.give_back(progressing.session, access)

    def _reserving(self, progressing: _Progressing) -> Reserve:
        async def reserve(access: Access) -> Denial | None:
            asked, call = progressing.asked, self._facts.call(progressing.asked, access)
            wait = self._rates.take(call.binding) if call.binding is not None else None
            if wait is not None:
                return chain.too_fast(call, wait)
            denial = await self._budget.take(progressing.session, access)
            if denial is not None:
                return denial
            progressing.reserved.append(access)
            # Recorded before it is sent: what cannot be recorded must not happen.
            if not self._record(asked, progressing.call, None, access):
                return chain.not_recorded(call)
            return None

        return reserve

    def _denied(self, asked: Asked, call: BrokerCall, denial: Denial) -> ToolResult:
        self._record(asked, call, denial, None)
        session = self._facts.session(asked)
        if session is not None:
            self._usage.denied(session)
        return refusal(denial)

    def _record(self, asked: Asked, call: BrokerCall, denial: Denial | None, access: Access | None) -> bool:
        session = self._facts.session(asked)
        try:
            audit(
                decision="denied" if denial is not None else "allowed",
                reason=denial.reason if denial is not None else "",
                message=denial.message if denial is not None else "",
                part="broker",
                namespace=asked.pod.namespace,
                serviceAccount=asked.pod.service_account,
                pod=asked.pod.uid,
                session=session.name if session is not None else "",
                sessionUID=asked.claims.sid,
                binding=asked.binding,
                tool=asked.tool,
                access=access or "",
                argumentsSHA256=arguments_hash(call.arguments),
                traceparent=call.traceparent,
            )
        except AuditUnavailable as error:
            log.error("a decision could not be recorded: %s", error)
            return False
        return True

    def _known(self, asked: Asked) -> bool:
        session = self._facts.session(asked)
        if session is None:
            return False
        # An end is final: there is nothing to wait for.
        return session.state in TERMINAL or (session.live and session.grant_hash == asked.claims.grant_hash)

    def _changed(self, change: ViewChange) -> None:
        if change.kind is ChangeKind.SESSION:
            session = self._facts.view.session(change.uid)
            if session is None or not session.live:
                self._egress.drop(change.uid)


class _CatchingUp:
    """Waits a moment for the view to learn what a gateway already knows."""

    def __init__(self, view: LiveView) -> None:
        self._changed = asyncio.Event()
        view.on_change(lambda _: self._tell())

    async def until(self, is_so: Callable[[], bool]) -> None:
        if is_so():
            return
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                while not is_so():
                    await self._changed.wait()
        except TimeoutError:
            return

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
