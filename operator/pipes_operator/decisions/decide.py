"""The one entry: what is to be done about a session, and when it must be looked at again."""

from datetime import datetime

from pipes_api.resources import AgentSession
from pipes_api.states import TERMINAL, SessionState, may_become

from . import active, endings, undecided
from .facts import NOTHING, Decision, Rules, SessionFacts


def decide(facts: SessionFacts) -> Decision:
    """What to do about the session now. Terminal states absorb: such a session is only ever collected."""
    state = facts.session.status.state
    if state in TERMINAL:
        return Decision(delete=True) if _collectable(facts) else NOTHING
    decision = active.decide(facts) if state is SessionState.ACTIVE else undecided.decide(facts)
    new = decision.status.state if decision.status is not None else None
    if new is not None and not may_become(state, new):
        raise AssertionError(f"{state} may not become {new}")
    return decision


def wake_at(session: AgentSession, rules: Rules) -> datetime | None:
    """When time alone next changes what is to be done about it."""
    status = session.status
    if status.state in TERMINAL:
        return (status.ended_at or endings.created(session)) + rules.retention
    if status.state is SessionState.ACTIVE:
        return status.expires_at
    if endings.born_approved(session):
        return endings.created(session) + rules.born_approved
    deadline = endings.request_deadline(session, rules.request_timeout)
    return deadline if session.spec.approval is None else deadline + rules.activation_window


def _collectable(facts: SessionFacts) -> bool:
    since = facts.session.status.ended_at or endings.created(facts.session)
    return facts.now >= since + facts.rules.retention
