"""Reservations: whoever executes a call of a session with limits takes its place in the budget first."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from pipes_api.messages import Reserve, Reserved, SessionView
from pipes_api.reasons import Reason
from pipes_api.resources import Access
from pipes_policy import remedies
from pipes_policy.call import Denial
from pipes_policy.limits import Place, is_budgeted

from .client import SessionService
from .errors import Refused, Unreachable

READ_CHUNK = 5
"""Reads reserved at once; what a crash leaves unused counts as spent."""


@dataclass(slots=True)
class _Account:
    """What is known of one session's budget.

    `reads` are reserved and not yet sent; the lock keeps many waiting calls from reserving a chunk each. The rest is
    what the last answer told.
    """

    reads: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    calls_left: int | None = None
    writes_left: int | None = None
    tools_left: dict[str, int] = field(default_factory=dict)


class Budget:
    """Reserves at the session service for what this process executes."""

    def __init__(self, service: SessionService) -> None:
        self._service = service
        self._accounts: dict[str, _Account] = {}

    async def take(self, session: SessionView, place: Place) -> Denial | None:
        """Reserve one call. None when it may be sent; else why not. A session without limits always may."""
        if not _counts(session, place):
            return None
        account = self._accounts.setdefault(session.uid, _Account())
        if place.alone:
            return _verdict(session, place, await self._reserve(session, place, _request(session, place)))
        async with account.lock:
            if account.reads == 0:
                request = Reserve(uid=session.uid, calls=READ_CHUNK, namespace=session.namespace)
                answer = await self._reserve(session, place, request)
                denial = _verdict(session, place, answer)
                if denial is not None or isinstance(answer, Denial):
                    return denial
                account.reads = answer.calls
            account.reads -= 1
        return None

    async def give_back(self, session: SessionView, place: Place) -> None:
        """Return a call that was reserved and never sent."""
        if not _counts(session, place):
            return
        if place.alone:
            await self._return(session, place, _request(session, place, back=True))
        elif session.uid in self._accounts:
            self._accounts[session.uid].reads += 1

    async def release(self, session: SessionView) -> None:
        """Return all reads that were reserved for the session and not sent, at shutdown."""
        account = self._accounts.pop(session.uid, None)
        if account is not None and account.reads:
            request = Reserve(uid=session.uid, return_calls=account.reads, namespace=session.namespace)
            await self._return(session, Place(Access.READ), request)

    def forget(self, uid: str) -> None:
        """The session has ended: what was reserved for it and not sent counts as spent."""
        self._accounts.pop(uid, None)

    def left(self, session: SessionView, place: Place) -> dict[str, Any]:
        """What may still be called in the session, where there are limits and the session service tells."""
        account = self._accounts.get(session.uid)
        if account is None:
            return {}
        told: dict[str, Any] = {}
        if account.calls_left is not None:
            told["callsLeft"] = account.calls_left + account.reads
        if account.writes_left is not None:
            told["writesLeft"] = account.writes_left
        if place.tool in account.tools_left:
            told["tool"] = {"callsLeft": account.tools_left[place.tool]}
        return told

    async def _reserve(self, session: SessionView, place: Place, request: Reserve) -> "Reserved | Denial":
        try:
            answer = await self._service.reserve(session.name, request)
        except Refused as refused:
            return _denial_of(session, place, refused)
        except Unreachable:
            message = "the call could not be taken from the budget, since the operator does not answer"
            return Denial(
                reason=Reason.OPERATOR_UNAVAILABLE, message=message, remedy=remedies.RETRY, session=session.name
            )
        self._learn(session, place, answer)
        return answer

    async def _return(self, session: SessionView, place: Place, request: Reserve) -> None:
        try:
            self._learn(session, place, await self._service.reserve(session.name, request))
        except (Refused, Unreachable):
            # Not returned counts as spent: less than the budget may be used, never more.
            return

    def _learn(self, session: SessionView, place: Place, answer: Reserved) -> None:
        account = self._accounts.get(session.uid)
        if account is not None:
            account.calls_left, account.writes_left = answer.calls_left, answer.writes_left
            if place.tool and answer.tool_calls_left is not None:
                account.tools_left[place.tool] = answer.tool_calls_left


def _counts(session: SessionView, place: Place) -> bool:
    # The binding may have got a limit for the tool since the approval.
    return bool(place.tool) or is_budgeted(session)


def _request(session: SessionView, place: Place, *, back: bool = False) -> Reserve:
    writes = int(place.access is Access.WRITE)
    numbers = {"return_calls": 1, "return_writes": writes} if back else {"calls": 1, "writes": writes}
    return Reserve(uid=session.uid, namespace=session.namespace, tool=place.tool, exact=place.exact, **numbers)


def _verdict(session: SessionView, place: Place, answer: "Reserved | Denial") -> Denial | None:
    if isinstance(answer, Denial):
        return answer
    if answer.calls >= 1 and (place.access is Access.READ or answer.writes >= 1):
        return None
    if place.exact:
        return exhausted(session, "the approved call")
    if answer.tool_calls_left == 0:
        return exhausted(session, f"its calls of {place.tool}")
    if place.access is Access.WRITE and answer.calls_left != 0 and answer.writes_left == 0:
        return exhausted(session, "its writes")
    return exhausted(session, "its calls")


def exhausted(session: SessionView, what: str) -> Denial:
    return Denial(
        reason=Reason.BUDGET_EXHAUSTED,
        message=remedies.used_up(session, what),
        remedy=remedies.REQUEST,
        session=session.name,
        session_expires_at=session.expires_at,
    )


def _denial_of(session: SessionView, place: Place, refused: Refused) -> Denial:
    failure = refused.failure
    try:
        reason = Reason(failure.reason)
    except ValueError:
        reason = Reason.OPERATOR_UNAVAILABLE
    if reason is Reason.BUDGET_EXHAUSTED:
        return exhausted(session, f"its calls of {place.tool}" if place.tool else "its calls")
    return Denial(
        reason=reason,
        message=failure.message or "the call could not be taken from the budget",
        remedy=failure.remedy or remedies.RETRY,
        session=session.name,
        retry_after_seconds=failure.retry_after_seconds,
    )
