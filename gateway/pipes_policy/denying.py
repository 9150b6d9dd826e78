"""What rules have in common: the session they are about, and how they refuse."""

from pipes_api.messages import SessionView
from pipes_api.reasons import Reason

from . import remedies
from .call import Call, Denial


def session_of(call: Call) -> SessionView:
    # Rules after `session_exists` run only when there is one.
    if call.session is None:
        raise LookupError("a rule about the session was asked before session_exists")
    return call.session


def deny(call: Call, reason: Reason, message: str, remedy: str) -> Denial:
    return Denial(reason=reason, message=message, remedy=remedy, session=call.session.name if call.session else "")


def used_up(call: Call, what: str) -> Denial:
    session = session_of(call)
    return Denial(
        reason=Reason.BUDGET_EXHAUSTED,
        message=remedies.used_up(session, what),
        remedy=remedies.REQUEST,
        session=session.name,
        session_expires_at=session.expires_at,
    )
