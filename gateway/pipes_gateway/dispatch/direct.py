"""Egress in this process: for trusted pods, where the WorkOS key may be mounted beside the agent, and development."""

from pipes_api.resources import Access
from pipes_egress.call import Reserve, ToolRequest
from pipes_egress.egress import Egress
from pipes_live.budget import Budget
from pipes_live.rate import RateLimiter
from pipes_live.usage import UsageReporter
from pipes_live.view import ChangeKind, LiveView, ViewChange
from pipes_policy import chain
from pipes_policy.call import Call, Denial

from . import Dispatched, Outcome
from .answers import outcome_of


class DirectDispatch:
    """Whoever executes a call counts it, so budget and rate are taken here."""

    counts_usage = False

    def __init__(self, egress: Egress, budget: Budget, usage: UsageReporter, view: LiveView) -> None:
        self._egress = egress
        self._budget = budget
        self._usage = usage
        self._rate = RateLimiter(view.clock)
        self._view = view
        view.on_change(self._changed)

    async def execute(self, dispatched: Dispatched) -> Outcome:
        call = dispatched.call
        session, binding, definition = call.session, call.binding, call.definition
        granted = session.grant.binding(binding.name) if session and session.grant and binding else None
        if session is None or session.grant is None or granted is None or definition is None:
            raise LookupError("the policy chain let a call pass that has no grant")
        told = dispatched.progress

        async def progress(done: float, text: str) -> None:
            if told is not None:
                told(done, None, text)

        reserved: list[Access] = []
        request = ToolRequest(
            grant=session.grant,
            granted=granted,
            definition=definition,
            arguments=dispatched.arguments,
            check=dispatched.check,
            reserve=self._reserving(call, reserved),
            progress=progress if told is not None else None,
            session=session.name,
            traceparent=dispatched.traceparent,
        )
        result = await self._egress.execute(request)
        if result.sent:
            self._usage.called(session, result.access or Access.WRITE)
        else:
            for access in reserved:
                await self._budget.give_back(session, access)
        return outcome_of(result)

    async def close(self) -> None:
        await self._egress.__aexit__(None, None, None)

    def _reserving(self, call: Call, reserved: list[Access]) -> Reserve:
        async def reserve(access: Access) -> Denial | None:
            wait = self._rate.take(call.binding) if call.binding is not None else None
            if wait is not None:
                return chain.too_fast(call, wait)
            denial = await self._budget.take(call.session, access) if call.session is not None else None
            if denial is None:
                reserved.append(access)
            return denial

        return reserve

    def _changed(self, change: ViewChange) -> None:
        if change.kind is ChangeKind.SESSION:
            session = self._view.session(change.uid)
            if session is None or not session.live:
                self._egress.drop(change.uid)
