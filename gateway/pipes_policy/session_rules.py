"""Rules about the session: is there a live one that this caller may use, and is its token good?

Each returns a denial, or None when it has nothing against the call.
"""

from pipes_api.names import SESSION_AUDIENCE
from pipes_api.reasons import Reason
from pipes_api.states import SessionState
from pipes_api.tokens import service_account

from . import remedies
from .call import Call, Denial
from .denying import deny, session_of, used_up

_REASON_OF_STATE = {
    SessionState.PENDING: Reason.AWAITING_APPROVAL,
    SessionState.AWAITING_APPROVAL: Reason.AWAITING_APPROVAL,
    SessionState.DENIED: Reason.SESSION_DENIED,
    SessionState.REQUEST_TIMED_OUT: Reason.REQUEST_TIMED_OUT,
    SessionState.WITHDRAWN: Reason.SESSION_ENDED,
    SessionState.TOO_MANY_REQUESTS: Reason.SESSION_REQUIRED,
    SessionState.GRANT_CHANGED: Reason.GRANT_CHANGED,
    SessionState.POLICY_CHANGED: Reason.POLICY_CHANGED,
    SessionState.EXPIRED: Reason.SESSION_EXPIRED,
    SessionState.REVOKED: Reason.SESSION_REVOKED,
    SessionState.ENDED: Reason.SESSION_ENDED,
    SessionState.BUDGET_EXHAUSTED: Reason.BUDGET_EXHAUSTED,
    SessionState.POD_GONE: Reason.POD_GONE,
}

CLOCK_LEEWAY_SECONDS = 5
"""How far this machine's wall clock may lag the operator's before a fresh token looks not yet valid."""


def state_is_known(call: Call) -> Denial | None:
    if call.synchronized:
        return None
    return deny(call, Reason.OPERATOR_UNAVAILABLE, "the session service has not been reached yet", remedies.RETRY)


def session_is_unambiguous(call: Call) -> Denial | None:
    """Which person's connection a call uses is for the caller to say, never for us to guess."""
    if not call.ambiguous:
        return None
    message = f"several sessions allow {call.tool}: {', '.join(call.ambiguous)}"
    return deny(call, Reason.SESSION_AMBIGUOUS, message, remedies.NAME_ONE)


def session_exists(call: Call) -> Denial | None:
    if call.session is not None:
        return None
    return _none_allows(call)


def session_is_the_named_one(call: Call) -> Denial | None:
    """Worded as if there were none: whose other sessions there are is nobody else's business."""
    if call.named in ("", session_of(call).name):
        return None
    return _none_allows(call)


def session_is_active(call: Call) -> Denial | None:
    session = session_of(call)
    if session.state is SessionState.ACTIVE:
        if session.live:
            return None
        return deny(call, Reason.SESSION_ENDED, session.message or "the session has ended", remedies.REQUEST)
    if session.state is SessionState.BUDGET_EXHAUSTED and call.reserved:
        return None
    if session.state is SessionState.BUDGET_EXHAUSTED:
        return used_up(call, "its calls")
    reason = _REASON_OF_STATE[session.state]
    return deny(call, reason, remedies.sentence(session), remedies.of(reason, session))


def session_has_not_expired(call: Call) -> Denial | None:
    session = session_of(call)
    if session.expires_at is not None and call.now < session.expires_at:
        return None
    return deny(call, Reason.SESSION_EXPIRED, remedies.expired(session), remedies.REQUEST)


def session_belongs_to_caller(call: Call) -> Denial | None:
    session, caller = session_of(call), call.caller
    same_agent = session.namespace == caller.namespace and (
        session.agent.service_account_name == caller.service_account
    )
    if same_agent and (session.agent.shared or (session.pod_uid and session.pod_uid == caller.pod_uid)):
        return None
    return deny(call, Reason.SESSION_REQUIRED, "the session belongs to another pod", remedies.REQUEST)


def token_is_for_this_session_and_pod(call: Call) -> Denial | None:
    """RFC 8725 section 3: issuer, audience, subject and times are compared with what is expected here."""
    session, caller, claims = session_of(call), call.caller, call.claims
    if claims is None:
        return deny(call, Reason.LEASE_EXPIRED, "there is no valid session token", remedies.RETRY)
    expected = (
        claims.iss == caller.issuer
        and claims.aud == SESSION_AUDIENCE
        and claims.sub == service_account(caller.namespace, caller.service_account)
        and claims.sid == session.uid
        and claims.pod == caller.pod_uid
        and claims.grant_hash == session.grant_hash
    )
    if not expected:
        return deny(call, Reason.SESSION_REQUIRED, "the session token is not for this session and pod", remedies.RETRY)
    seconds = call.now.timestamp()
    if max(claims.nbf, claims.iat) - CLOCK_LEEWAY_SECONDS <= seconds < claims.exp:
        return None
    return deny(call, Reason.LEASE_EXPIRED, "the session token has run out", remedies.RETRY)


def lease_is_current(call: Call) -> Denial | None:
    if call.lease_until is not None and call.clock < call.lease_until:
        return None
    message = "the session could not be confirmed with the operator in time"
    return deny(call, Reason.LEASE_EXPIRED, message, remedies.RETRY)


def _none_allows(call: Call) -> Denial:
    for_a_person = call.binding is not None and call.binding.from_session
    which = "no session of yours with the name that was given allows" if call.named else "no session allows"
    remedy = remedies.FOR_A_PERSON if for_a_person else remedies.REQUEST
    return Denial(reason=Reason.SESSION_REQUIRED, message=f"{which} {call.tool}", remedy=remedy)
