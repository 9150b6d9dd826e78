"""The way of a call through the broker: who, under which session, allowed or not, done, recorded."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from pipes_api.messages import SessionView
from pipes_api.resources import Access
from pipes_api.states import TERMINAL
from pipes_live.audit import AuditUnavailable, arguments_hash, audit
from pipes_live.inflight import CallOver, InFlight
from pipes_live.places import Places, Taking
from pipes_live.usage import UsageReporter
from pipes_live.view import ChangeKind, LiveView, ViewChange
from pipes_policy import chain, limits
from pipes_policy.call import Denial

from ..call import Progress, Reserve, ToolRequest, ToolResult, refusal
from ..egress import Egress
from .facts import Asked, Facts

log = logging.getLogger(__name__)

CATCH_UP_SECONDS = 2.0
"""A gateway may hear of a new session some milliseconds before the broker does."""


@dataclass(slots=True)
class _Progressing:
    """One call that is under way: what is known of it, and its place in the budget."""

    asked: Asked
    session: SessionView
    place: Taking
    access: Access | None = None


class BrokerCalls:
    """Executes calls that the policy chain allows now."""

    def __init__(self, view: LiveView, egress: Egress, places: Places, usage: UsageReporter) -> None:
        self._facts = Facts(view)
        self._egress = egress
        self._places = places
        self._usage = usage
        self._catching_up = _CatchingUp(view)
        self.in_flight = InFlight(view)
        view.on_change(self._changed)

    async def execute(self, asked: Asked, progress: Progress) -> ToolResult:
        """The result of the call, a denial included. Cancelling it cancels the call at the provider."""
        await self._catching_up.until(lambda: self._known(asked))
        denial = self._facts.denial(asked)
        session = self._facts.session(asked)
        if denial is not None or session is None:
            return self._denied(asked, denial or chain.ended(self._facts.call(asked)))
        place = self._places.of(session, lambda access: self._facts.call(asked, access))
        progressing = _Progressing(asked, session, place)
        try:
            result = await self.in_flight.run(
                self._send(progressing, progress),
                lambda: self._facts.denial(asked, progressing.access, reserved=place.begun),
            )
        except CallOver as over:
            result = refusal(over.denial, sent=True)
        if result.denial is not None:
            self._denied(asked, result.denial)
        elif left := place.meta:
            result = msgspec.structs.replace(result, meta={**result.meta, **left})
        return result

    async def _send(self, progressing: _Progressing, progress: Progress) -> ToolResult:
        asked, session = progressing.asked, progressing.session
        call = self._facts.call(asked)
        granted = session.grant.binding(asked.binding) if session.grant is not None else None
        if session.grant is None or granted is None or call.definition is None:
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
                    definition=call.definition,
                    arguments=asked.what.arguments,
                    check=check,
                    reserve=self._reserving(progressing),
                    progress=progress,
                    restrict=limits.restrictions(call),
                    session=session.name,
                    traceparent=asked.what.traceparent,
                )
            )
            sent = result.sent
            return result
        except BaseException:
            sent = True  # it may have been: what cannot be told counts as spent
            raise
        finally:
            await progressing.place.settle(sent=sent)

    def _reserving(self, progressing: _Progressing) -> Reserve:
        async def reserve(access: Access) -> Denial | None:
            denial = await progressing.place(access)
            if denial is not None:
                return denial
            # Recorded before it is sent: what cannot be recorded must not happen.
            if not self._record(progressing.asked, None, access):
                return chain.not_recorded(self._facts.call(progressing.asked, access))
            return None

        return reserve

    def _denied(self, asked: Asked, denial: Denial) -> ToolResult:
        self._record(asked, denial, None)
        session = self._facts.session(asked)
        if session is not None:
            self._usage.denied(session)
        return refusal(denial)

    def _record(self, asked: Asked, denial: Denial | None, access: Access | None) -> bool:
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
                argumentsSHA256=arguments_hash(asked.what.arguments),
                traceparent=asked.what.traceparent,
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
