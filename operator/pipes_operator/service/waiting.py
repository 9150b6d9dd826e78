"""How many requests of one agent may wait for a person, and how long it must pause after denials. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pipes_api.reasons import RequestRefusal
from pipes_api.resources import AgentSession
from pipes_api.states import UNDECIDED, SessionState

from .asking import Ask
from .refusals import Refused
from .views import standing

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)
_FORGOTTEN_AFTER = timedelta(hours=1)
"""A denial that old says nothing about what the agent does now."""

_REMEDY = "wait: a person must act; asking again does not speed it up"


def same_request(sessions: Iterable[AgentSession], pod_uid: str, ask: Ask, now: datetime) -> AgentSession | None:
    """The first of the pod's own requests that still waits and asks for exactly this."""
    alike = [
        each
        for each in sessions
        if standing(each, now).state in UNDECIDED
        and each.spec.agent.pod_uid == pod_uid
        and not each.spec.agent.shared
        and each.spec.approval is None
        and each.spec.bindings == ask.bindings
        and each.spec.duration == ask.duration
        and each.spec.limits == ask.limits
        and each.spec.reason == ask.reason
    ]
    return min(alike, key=_created, default=None)


def check(sessions: Iterable[AgentSession], cap: int, now: datetime) -> None:
    """Whether that ServiceAccount may ask for one more; `sessions` are all it asked for, from every pod.

    Raises:
        Refused: TooManyRequests, with what waits, or how long to pause.
    """
    known = list(sessions)
    waiting = sorted((each for each in known if standing(each, now).state in UNDECIDED), key=_created)
    if len(waiting) >= cap:
        names = ", ".join(each.metadata.name for each in waiting[:cap])
        raise Refused(
            RequestRefusal.TOO_MANY_REQUESTS,
            f"{len(waiting)} requests of this agent already wait for a person to decide: {names}",
            _REMEDY,
        )
    until = pause_until(known)
    if until is not None and now < until:
        seconds = (until - now).total_seconds()
        raise Refused(
            RequestRefusal.TOO_MANY_REQUESTS,
            f"a person has just denied a request of this agent; the next one may be made in {seconds:.0f} s",
            "read the note of the denied request before asking again",
            seconds,
        )


def pause_until(sessions: Iterable[AgentSession]) -> datetime | None:
    """Each denial in a row doubles the pause after it; an approval, or an hour without denial, starts afresh."""
    decided = sorted(
        (at, each.status.state is SessionState.DENIED) for each in sessions if (at := _decided_at(each)) is not None
    )
    pause, until, last = timedelta(0), None, None
    for at, denied in decided:
        if not denied:
            pause, until = timedelta(0), None
            continue
        fresh = last is None or at - last > _FORGOTTEN_AFTER or not pause
        pause = FIRST_PAUSE if fresh else min(pause * 2, LONGEST_PAUSE)
        until, last = at + pause, at
    return until


def _decided_at(session: AgentSession) -> datetime | None:
    if session.status.state is SessionState.DENIED:
        return session.status.ended_at
    return session.status.activated_at


def _created(session: AgentSession) -> tuple[datetime, str]:
    return session.metadata.creation_timestamp or datetime.max.replace(tzinfo=UTC), session.metadata.uid
