"""Connections of the people that sessions act for: asked of Pipes when a session needs them, again while it lives."""

import asyncio
import logging
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipes_api.resources import AgentSession, Connection, ProviderBinding
from pipes_operator.decisions import reports
from pipes_operator.decisions.reports import GRACE, TRANSIENT, Report, Word

from .pipes import Pipes, PipesUnavailable

logger = logging.getLogger(__name__)

_LOOKS_AT_ONCE = 8
_FIRST_RETRY = 2.0
_MOST = 50_000
"""Connections remembered; each belongs to a person for whom some session acts, or acted lately."""

_Whose = tuple[str, Connection]
"""Provider and connection."""


@dataclass(frozen=True, slots=True)
class _Look:
    report: Report
    at: float
    next_at: float
    failures: int
    good_at: float
    """When Pipes last said that it works, for the grace while Pipes cannot be asked."""


class People:
    """What Pipes says of people's connections.

    `again` is called with the UID of a session and seconds, after which it must be looked at again.
    """

    def __init__(self, pipes: Pipes, again: Callable[[str, float], None], *, seconds: float) -> None:
        self._pipes = pipes
        self._again = again
        self._seconds = seconds
        self._looks: dict[_Whose, _Look] = {}
        self._looking: dict[_Whose, asyncio.Task[None]] = {}
        self._due: dict[str, float] = {}
        self._limit = asyncio.Semaphore(_LOOKS_AT_ONCE)

    def reports(self, session: AgentSession, bindings: Mapping[str, ProviderBinding]) -> dict[str, Report]:
        """What is known now, by the binding's name; nothing of those that Pipes has not been asked about."""
        known = ((name, self._looks.get(whose)) for name, whose in _wanted(session, bindings))
        return {name: look.report for name, look in known if look is not None}

    async def look(
        self,
        session: AgentSession,
        bindings: Mapping[str, ProviderBinding],
        *,
        wait_seconds: float,
        oldest_seconds: float = math.inf,
    ) -> None:
        """Ask Pipes wherever it is time to, or what is known is too old; late answers bring the session back.

        wait_seconds: how long to wait for the answers.
        """
        uid, wanted = session.metadata.uid, [whose for _, whose in _wanted(session, bindings)]
        if not wanted:
            return
        clock = asyncio.get_running_loop().time()
        known = {whose: self._looks.get(whose) for whose in wanted}
        asked = [
            self._under_way(whose)
            for whose, look in known.items()
            if look is None or look.next_at <= clock or clock - look.at > oldest_seconds
        ]
        if asked:
            _, late = await asyncio.wait(asked, timeout=wait_seconds)
            for task in late:
                task.add_done_callback(lambda _: self._again(uid, 0.0))
        next_at = min((self._looks[whose].next_at for whose in wanted if whose in self._looks), default=None)
        if next_at is not None and self._due.get(uid) != next_at:
            self._due[uid] = next_at
            self._again(uid, max(next_at - asyncio.get_running_loop().time(), 0.0) + 0.01)

    def forget(self, uid: str) -> None:
        """That session is gone or finished."""
        self._due.pop(uid, None)

    def _under_way(self, whose: _Whose) -> "asyncio.Task[None]":
        running = self._looking.get(whose)
        if running is None:
            running = asyncio.create_task(self._ask(whose), name="connection of a person")
            self._looking[whose] = running
            running.add_done_callback(lambda _: self._looking.pop(whose, None))
        return running

    async def _ask(self, whose: _Whose) -> None:
        known = self._looks.get(whose)
        failures = known.failures if known is not None else 0
        good_at = known.good_at if known is not None else float("-inf")
        wait = self._seconds * random.uniform(0.8, 1.2)  # noqa: S311 - spreads the load, decides nothing
        provider, connection = whose
        async with self._limit:
            try:
                report = await self._pipes.look(provider, connection)
            except PipesUnavailable as error:
                report = Report(Word.UNAVAILABLE, str(error))
                wait = max(error.retry_after or 0.0, min(_FIRST_RETRY * 2 ** min(failures, 10), self._seconds))
        clock = asyncio.get_running_loop().time()
        report = reports.checked(connection, report)
        if report.word is Word.CONNECTED:
            failures, good_at = 0, clock
        else:
            if report.word is not Word.UNAVAILABLE:
                # A single wrong word must not keep a connection out for a whole period.
                wait = min(wait, _FIRST_RETRY * 2 ** min(failures, 10))
            failures += 1
            if known is not None and report.word in TRANSIENT and clock - good_at < GRACE.total_seconds():
                report = known.report
        if len(self._looks) >= _MOST and whose not in self._looks:
            del self._looks[next(iter(self._looks))]
        self._looks[whose] = _Look(report, clock, clock + wait, failures, good_at)


def _wanted(session: AgentSession, bindings: Mapping[str, ProviderBinding]) -> list[tuple[str, _Whose]]:
    """The connections of a person that the session needs, by the binding's name."""
    person = session.spec.on_behalf_of
    if person is None:
        return []
    found = []
    for name, binding in bindings.items():
        if binding.spec.connection.from_session:
            theirs = reports.persons(binding.spec.connection, person)
            if theirs is not None:
                found.append((name, (binding.spec.provider, theirs)))
    return found
