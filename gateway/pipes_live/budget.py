"""Reservations: whoever executes a call of a session with limits takes its place in the budget first."""

import asyncio
from dataclasses import dataclass, field

from pipes_api.messages import Reserve, Reserved, SessionView
from pipes_api.reasons import Reason
from pipes_api.resources import Access
from pipes_policy import remedies
from pipes_policy.call import Denial

from .client import SessionService
from .errors import Refused, Unreachable

READ_CHUNK = 5
"""Reads reserved at once; what a crash leaves unused counts as spent."""


@dataclass(slots=True)
class _Pool:
    """Reads that are reserved and not yet sent. The lock keeps many waiting calls from reserving a chunk each."""

    left: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Budget:
    """Reserves at the session service for what this process executes."""

    def __init__(self, service: SessionService) -> None:
        self._service = service
        self._pools: dict[str, _Pool] = {}

    async def take(self, session: SessionView, access: Access) -> Denial | None:
        """Reserve one call. None when it may be sent; else why not. A session without limits always may."""
        if not has_limits(session):
            return None
        if access is Access.WRITE:
            return self._verdict(session, await self._reserve(session, calls=1, writes=1), writes=1)
        pool = self._pools.setdefault(session.uid, _Pool())
        async with pool.lock:
            if pool.left == 0:
                answer = await self._reserve(session, calls=READ_CHUNK, writes=0)
                denial = self._verdict(session, answer, writes=0)
                if denial is not None or isinstance(answer, Denial):
                    return denial
                pool.left = answer.calls
            pool.left -= 1
        return None

    async def give_back(self, session: SessionView, access: Access) -> None:
        """Return a call that was reserved and never sent."""
        if not has_limits(session):
            return
        if access is Access.READ and session.uid in self._pools:
            self._pools[session.uid].left += 1
        elif access is Access.WRITE:
            await self._return(session, calls=1, writes=1)

    async def release(self, session: SessionView) -> None:
        """Return all reads that were reserved for the session and not sent: at shutdown, or when it has ended."""
        pool = self._pools.pop(session.uid, None)
        if pool is not None and pool.left:
            await self._return(session, calls=pool.left, writes=0)

    async def _reserve(self, session: SessionView, *, calls: int, writes: int) -> "Reserved | Denial":
        request = Reserve(uid=session.uid, calls=calls, writes=writes, namespace=session.namespace)
        try:
            return await self._service.reserve(session.name, request)
        except Refused as refused:
            return _denial_of(session, refused)
        except Unreachable:
            message = "the call could not be taken from the budget, since the operator does not answer"
            return Denial(
                reason=Reason.OPERATOR_UNAVAILABLE, message=message, remedy=remedies.RETRY, session=session.name
            )

    async def _return(self, session: SessionView, *, calls: int, writes: int) -> None:
        request = Reserve(uid=session.uid, return_calls=calls, return_writes=writes, namespace=session.namespace)
        try:
            await self._service.reserve(session.name, request)
        except (Refused, Unreachable):
            # Not returned counts as spent: less than the budget may be used, never more.
            return

    def _verdict(self, session: SessionView, answer: "Reserved | Denial", *, writes: int) -> Denial | None:
        if isinstance(answer, Denial):
            return answer
        if answer.calls >= 1 and answer.writes >= writes:
            return None
        return exhausted(session)


def has_limits(session: SessionView) -> bool:
    limits = session.grant.limits if session.grant is not None else None
    return limits is not None and (limits.max_calls is not None or limits.max_writes is not None)


def exhausted(session: SessionView) -> Denial:
    return Denial(
        reason=Reason.BUDGET_EXHAUSTED,
        message=f"session {session.name} has used up its calls",
        remedy=remedies.REQUEST,
        session=session.name,
    )


def _denial_of(session: SessionView, refused: Refused) -> Denial:
    failure = refused.failure
    try:
        reason = Reason(failure.reason)
    except ValueError:
        reason = Reason.OPERATOR_UNAVAILABLE
    return Denial(
        reason=reason,
        message=failure.message or "the call could not be taken from the budget",
        remedy=failure.remedy or remedies.RETRY,
        session=session.name,
        retry_after_seconds=failure.retry_after_seconds,
    )
