"""A call's place in rate and budget: taken before the first send, counted or given back afterwards."""

from collections.abc import Callable
from typing import Any

from pipes_api.messages import SessionView
from pipes_api.names import BUDGET_META
from pipes_api.resources import Access
from pipes_policy import chain, limits
from pipes_policy.call import Call, Denial

from .budget import Budget
from .client import SessionService
from .rate import RateLimiter
from .usage import UsageReporter
from .view import ChangeKind, ViewChange


class Places:
    """For whoever executes calls: it counts them."""

    def __init__(self, service: SessionService, usage: UsageReporter) -> None:
        self.budget = Budget(service)
        self.usage = usage
        self.rates = RateLimiter(service.view.clock)
        self._view = service.view
        service.view.on_change(self._changed)

    def of(self, session: SessionView, call_now: Callable[[Access], Call]) -> "Taking":
        """The place of one call; `call_now` gathers what is known when it is taken."""
        return Taking(self, session, call_now)

    async def release(self) -> None:
        """Give back what was reserved ahead and not used, at the end of this process."""
        for session in self._view.sessions():
            await self.budget.release(session)

    def _changed(self, change: ViewChange) -> None:
        if change.kind is ChangeKind.SESSION:
            session = self._view.session(change.uid)
            if session is None or not session.live:
                self.rates.forget(change.uid)
                self.budget.forget(change.uid)
        elif change.kind is ChangeKind.BINDING and not any(each.uid == change.uid for each in self._view.bindings()):
            self.rates.forget(change.uid)


class Taking:
    """Called once, before the first send, with what the call was found to do."""

    def __init__(self, places: Places, session: SessionView, call_now: Callable[[Access], Call]) -> None:
        self._places = places
        self._session = session
        self._call_now = call_now
        self._place: limits.Place | None = None
        self.begun = False
        """The place is taken, or being taken: a budget used up by then does not speak against this call."""

    async def __call__(self, access: Access) -> Denial | None:
        call, session = self._call_now(access), self._session
        wait = self._places.rates.take(_rates(call, session))
        if wait is not None:
            return chain.too_fast(call, wait)
        place = limits.place_of(call, access)
        self.begun = True
        denial = await self._places.budget.take(session, place)
        if denial is None:
            self._place = place
        return denial

    async def settle(self, *, sent: bool) -> None:
        """Count the call, or give its place back when nothing was sent."""
        if self._place is None:
            return
        if sent:
            self._places.usage.called(self._session, self._place)
        else:
            await self._places.budget.give_back(self._session, self._place)

    @property
    def meta(self) -> dict[str, Any]:
        """`_meta` for the call's result: what is left of the budget, where it has one."""
        left = self._places.budget.left(self._session, self._place) if self._place is not None else {}
        return {BUDGET_META: left} if left else {}


def _rates(call: Call, session: SessionView) -> dict[tuple[str, str], int]:
    rates: dict[tuple[str, str], int] = {}
    if call.binding is not None and call.binding.calls_per_minute is not None:
        rates[call.binding.uid, ""] = call.binding.calls_per_minute
    per_minute = limits.of_tool(call).calls_per_minute
    if per_minute is not None:
        rates[session.uid, call.tool] = per_minute
    return rates
