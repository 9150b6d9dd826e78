"""Counts that bind nobody (calls of sessions without limits, denials), gathered and written now and then."""

import asyncio
import logging
from collections import OrderedDict

import msgspec

from pipes_api.messages import Identity, ReportUsage
from pipes_api.resources import AgentSession, Usage
from pipes_operator.kube.errors import Conflict, KubeError, NotFound
from pipes_operator.world import World
from pipes_operator.writer import Writer

from .ending import is_budgeted, with_usage
from .finding import find_used
from .refusals import invalid

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.1
_WRITES_A_PAUSE = 5
"""At most 50 status writes a second in all."""

_MOST_AT_ONCE = 1_000_000
_MOST_SESSIONS = 50_000


class UsageBook:
    """Counts by session, oldest first to be written. Lost when the process dies: they decide nothing."""

    def __init__(self, world: World, writer: Writer) -> None:
        self._world = world
        self._writer = writer
        self._counts: OrderedDict[str, Usage] = OrderedDict()

    def add(self, caller: Identity, name: str, report: ReportUsage) -> None:
        """Note a report.

        Raises:
            Refused: not the caller's session, or numbers that no report can hold.
        """
        if any(not 0 <= each <= _MOST_AT_ONCE for each in (report.calls, report.writes, report.denied)):
            raise invalid(f"each number must be between 0 and {_MOST_AT_ONCE}")
        session = find_used(self._world, caller, name, report.uid, report.namespace)
        counts = Usage(calls=report.calls, writes=report.writes, denied=report.denied)
        if is_budgeted(session):
            # Its calls were counted when they were reserved.
            counts = Usage(denied=report.denied)
        if counts != Usage() and (report.uid in self._counts or len(self._counts) < _MOST_SESSIONS):
            self._counts[report.uid] = _sum(self._counts.get(report.uid, Usage()), counts)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._write_some()

    async def flush(self, seconds: float) -> None:
        """Write what is there, as far as that time allows."""
        try:
            async with asyncio.timeout(seconds):
                while self._counts:
                    await self._write_some()
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            logger.warning("the usage of %d sessions was not written before the end", len(self._counts))

    async def _write_some(self) -> None:
        for _ in range(min(_WRITES_A_PAUSE, len(self._counts))):
            uid, counts = self._counts.popitem(last=False)
            session = self._world.session(uid)
            if session is not None and not await self._write(session, counts):
                self._counts[uid] = _sum(self._counts.get(uid, Usage()), counts)

    async def _write(self, session: AgentSession, counts: Usage) -> bool:
        """Whether nothing is left to do about these counts."""
        usage = _sum(session.status.usage or Usage(), counts)
        try:
            await self._writer.write_status(session, with_usage(session, session.status, usage))
        except NotFound:
            return True
        except Conflict:
            # The next turn sees what changed it.
            return False
        except KubeError as error:
            logger.warning("usage of %s/%s: %s", session.metadata.namespace, session.metadata.name, error)
            await asyncio.sleep(1.0)
            return False
        return True


def _sum(one: Usage, other: Usage) -> Usage:
    """`one` with the counts of `other`; what was reserved of tools and exact calls stays as it is."""
    return msgspec.structs.replace(
        one, calls=one.calls + other.calls, writes=one.writes + other.writes, denied=one.denied + other.denied
    )
