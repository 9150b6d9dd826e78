"""The status of a session that the session service itself changes: it ends, or its usage grows."""

from datetime import datetime

import msgspec

from pipes_api.resources import AgentSession, AgentSessionStatus, Limits, Usage
from pipes_api.states import SessionState
from pipes_operator.decisions import texts
from pipes_operator.decisions.conditions import updated

from .views import grant_of


def ended_status(
    session: AgentSession, state: SessionState, message: str, now: datetime, *, by: str = ""
) -> AgentSessionStatus:
    """The status with that terminal state. The rest of it stays as a record."""
    old = session.status
    others = tuple(each for each in old.conditions if each.type != "Ready")
    ready = updated(old.conditions, [("Ready", False, str(state), message)], session.metadata.generation, now)
    return msgspec.structs.replace(
        old,
        state=state,
        message=message,
        conditions=others + ready,
        approve_with="",
        ended_at=now.replace(microsecond=0),
        ended_by=by,
    )


def with_usage(session: AgentSession, status: AgentSessionStatus, usage: Usage) -> AgentSessionStatus:
    """The status with that usage, and the column that shows it."""
    return msgspec.structs.replace(status, usage=usage, calls=texts.calls(usage, limits_of(session) or Limits()))


def is_budgeted(session: AgentSession) -> bool:
    """Whether its calls are reserved: it, a tool or a single call has a limit in the grant."""
    grant = grant_of(session)
    if grant is None:
        return False
    if grant.limits.max_calls is not None or grant.limits.max_writes is not None:
        return True
    return any(
        each.calls or any(limits.max_calls is not None for limits in each.limits.values()) for each in grant.bindings
    )


def limits_of(session: AgentSession) -> Limits | None:
    """What the session may use in all; None while it has no grant that can be read."""
    grant = grant_of(session)
    return None if grant is None else grant.limits
