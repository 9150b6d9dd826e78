"""Counts of calls without limits, and of denials: gathered here, told to the session service now and then."""

import asyncio
from dataclasses import dataclass

from pipes_api.messages import ReportUsage, SessionView
from pipes_api.resources import Access
from pipes_policy.limits import Place, is_budgeted

from .client import SessionService
from .errors import Refused, Unreachable

EVERY_SECONDS = 2.0


@dataclass(slots=True)
class _Count:
    name: str
    namespace: str
    calls: int = 0
    writes: int = 0
    denied: int = 0


class UsageReporter:
    """Run `run` as a task. What cannot be told is kept for the next time, and lost when the process ends."""

    def __init__(self, service: SessionService) -> None:
        self._service = service
        self._counts: dict[str, _Count] = {}

    def called(self, session: SessionView, place: Place) -> None:
        """A call was sent. Those that were reserved are counted by their reservation."""
        if place.tool or is_budgeted(session):
            return
        count = self._count(session)
        count.calls += 1
        count.writes += place.access is Access.WRITE

    def denied(self, session: SessionView) -> None:
        self._count(session).denied += 1

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Tell all there is."""
        counts, self._counts = self._counts, {}
        for uid, count in counts.items():
            report = ReportUsage(
                uid=uid, calls=count.calls, writes=count.writes, denied=count.denied, namespace=count.namespace
            )
            try:
                await self._service.usage(count.name, report)
            except Unreachable:
                self._keep(uid, count)
            except Refused:
                # The session is gone, or no longer ours: nobody is left to be told.
                continue

    def _count(self, session: SessionView) -> _Count:
        return self._counts.setdefault(session.uid, _Count(session.name, session.namespace))

    def _keep(self, uid: str, count: _Count) -> None:
        kept = self._counts.setdefault(uid, _Count(count.name, count.namespace))
        kept.calls += count.calls
        kept.writes += count.writes
        kept.denied += count.denied
