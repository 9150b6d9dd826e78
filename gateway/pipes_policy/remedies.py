"""Sentences for agents: what happened to a session, and what to do next."""

from collections.abc import Sequence
from datetime import datetime

from pipes_api.grant import GrantedCall
from pipes_api.messages import SessionView
from pipes_api.names import SESSION_META
from pipes_api.reasons import Reason
from pipes_api.states import SessionState

REQUEST = "Call request_session with the connections you need and a reason; a person must approve it."
ASK = "Call request_session for a session that covers this tool; a person must approve it."
ASK_WRITE = "Call request_session with access Write for this connection; a person must approve it."
WAIT = "Wait for a person to decide; session_status tells the state. Asking again does not help."
RETRY = "Try again in a few seconds. If it stays, a person must look at the Pipes MCP operator."
LONGEST_ARGUMENTS = 4_000
NAME_ONE = f'Name the one that you mean in the call\'s _meta: "{SESSION_META}": "<session>".'
FOR_A_PERSON = "A person must make a session for whoever you act for; it cannot be requested from here."
PERSON = "Tell the person you work for; this cannot be changed from here."
RECONNECT = "Tell the person you work for to connect the account again with that access."


def sentence(session: SessionView) -> str:
    """Why the session cannot be used, told apart by state, with who and when."""
    who = f" by {session.ended_by or session.decided_by}" if session.ended_by or session.decided_by else ""
    note = f": {session.note}" if session.note else ""
    match session.state:
        case SessionState.PENDING:
            text = f"session {session.name} cannot be approved yet: {session.message}"
        case SessionState.AWAITING_APPROVAL:
            text = f"session {session.name} awaits the approval of a person"
        case SessionState.DENIED:
            text = f"session {session.name} was denied{who}{note}"
        case SessionState.EXPIRED:
            text = expired(session)
        case SessionState.REVOKED:
            text = f"session {session.name} was revoked{who}{_at(session.ended_at)}" + _reason(session, who)
        case SessionState.REQUEST_TIMED_OUT:
            text = f"nobody decided on session {session.name} in time"
        case SessionState.BUDGET_EXHAUSTED:
            text = used_up(session, "its calls")
        case _:
            # The operator's message is about the session without naming it; of several, one must know which.
            why = f": {session.message.rstrip('.')}" if session.message else ""
            text = f"session {session.name} has ended ({session.state}){why}"
    return text


def expired(session: SessionView) -> str:
    return f"session {session.name} expired{_at(session.expires_at)}"


def only(calls: Sequence[GrantedCall]) -> str:
    """Which arguments were approved, as far as a sentence can hold them."""
    texts = [each.arguments for each in calls]
    shown = " or ".join(texts) if sum(map(len, texts)) <= LONGEST_ARGUMENTS else "those that session_status shows"
    return f"Call it with exactly these arguments, once: {shown}. For anything else call request_session."


def used_up(session: SessionView, what: str) -> str:
    """A budget is for the whole session: nothing of it comes back before its end."""
    end = f"; none come back before it ends{_at(session.expires_at)}" if session.live else ""
    return f"session {session.name} has used up {what}{end}"


def of(reason: Reason, session: SessionView) -> str:
    """What the agent can do about it."""
    if reason is Reason.AWAITING_APPROVAL:
        return WAIT
    if reason is Reason.SESSION_DENIED:
        return "Do not ask for the same again; continue without it, or ask for less with a better reason."
    return REQUEST


def _at(moment: datetime | None) -> str:
    return f" at {moment:%Y-%m-%dT%H:%M:%SZ}" if moment is not None else ""


def _reason(session: SessionView, who: str) -> str:
    """What the revocation gives as its reason, without the words in which the operator says that it is one."""
    text = session.message
    for known in (f"Revoked{who or ' by a person'}", "The session was revoked"):
        text = text.removeprefix(known)
    text = text.removeprefix(":").strip()
    return f": {text}" if text not in ("", ".") else ""
