"""One function per rule. Each returns a denial, or None when it has nothing against the call."""

from pipes_api.grant import GrantedBinding
from pipes_api.messages import SessionView
from pipes_api.names import SESSION_AUDIENCE
from pipes_api.reasons import Reason
from pipes_api.resources import Access
from pipes_api.states import SessionState
from pipes_api.tokens import service_account
from pipes_catalog.definition import ToolAccess

from . import remedies
from .call import Call, Denial

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
    return _deny(call, Reason.OPERATOR_UNAVAILABLE, "the session service has not been reached yet", remedies.RETRY)


def session_exists(call: Call) -> Denial | None:
    if call.session is not None:
        return None
    return _deny(call, Reason.SESSION_REQUIRED, f"no session allows {call.tool}", remedies.REQUEST)


def session_is_active(call: Call) -> Denial | None:
    session = _session(call)
    if session.state is SessionState.ACTIVE:
        if session.live:
            return None
        return _deny(call, Reason.SESSION_ENDED, session.message or "the session has ended", remedies.REQUEST)
    if session.state is SessionState.BUDGET_EXHAUSTED and call.reserved:
        return None
    reason = _REASON_OF_STATE[session.state]
    return _deny(call, reason, remedies.sentence(session), remedies.of(reason, session))


def session_has_not_expired(call: Call) -> Denial | None:
    session = _session(call)
    if session.expires_at is not None and call.now < session.expires_at:
        return None
    return _deny(call, Reason.SESSION_EXPIRED, remedies.expired(session), remedies.REQUEST)


def session_belongs_to_caller(call: Call) -> Denial | None:
    session, caller = _session(call), call.caller
    same_agent = session.namespace == caller.namespace and (
        session.agent.service_account_name == caller.service_account
    )
    if same_agent and (session.agent.shared or (session.pod_uid and session.pod_uid == caller.pod_uid)):
        return None
    return _deny(call, Reason.SESSION_REQUIRED, "the session belongs to another pod", remedies.REQUEST)


def token_is_for_this_session_and_pod(call: Call) -> Denial | None:
    """RFC 8725 section 3: issuer, audience, subject and times are compared with what is expected here."""
    session, caller, claims = _session(call), call.caller, call.claims
    if claims is None:
        return _deny(call, Reason.LEASE_EXPIRED, "there is no valid session token", remedies.RETRY)
    expected = (
        claims.iss == caller.issuer
        and claims.aud == SESSION_AUDIENCE
        and claims.sub == service_account(caller.namespace, caller.service_account)
        and claims.sid == session.uid
        and claims.pod == caller.pod_uid
        and claims.grant_hash == session.grant_hash
    )
    if not expected:
        return _deny(call, Reason.SESSION_REQUIRED, "the session token is not for this session and pod", remedies.RETRY)
    seconds = call.now.timestamp()
    if max(claims.nbf, claims.iat) - CLOCK_LEEWAY_SECONDS <= seconds < claims.exp:
        return None
    return _deny(call, Reason.LEASE_EXPIRED, "the session token has run out", remedies.RETRY)


def lease_is_current(call: Call) -> Denial | None:
    if call.lease_until is not None and call.clock < call.lease_until:
        return None
    message = "the session could not be confirmed with the operator in time"
    return _deny(call, Reason.LEASE_EXPIRED, message, remedies.RETRY)


def binding_is_the_granted_one(call: Call) -> Denial | None:
    granted = _granted(call)
    if granted is not None and call.binding is not None and granted.uid == call.binding.uid:
        return None
    return _deny(call, Reason.NOT_GRANTED, f"the session does not cover the connection of {call.tool}", remedies.ASK)


def binding_is_not_suspended(call: Call) -> Denial | None:
    if call.binding is not None and not call.binding.suspended:
        return None
    return _deny(call, Reason.BINDING_SUSPENDED, "a person has suspended this connection", remedies.PERSON)


def binding_is_offered_to_the_agent(call: Call) -> Denial | None:
    if call.binding is not None and call.binding.offered_to(call.caller.service_account):
        return None
    return _deny(call, Reason.NOT_GRANTED, "this connection is no longer offered to this agent", remedies.PERSON)


def tool_is_granted(call: Call) -> Denial | None:
    """The narrower of the grant and the binding of now."""
    granted = _granted_tools(call)
    offered = call.binding.tools if call.binding is not None else {}
    if call.tool in granted and call.tool in offered:
        return None
    definition = call.definition
    if definition is not None and definition.access is ToolAccess.WRITE and not _may_write(call):
        return access_suffices(call)
    return _deny(call, Reason.NOT_GRANTED, f"the session does not cover {call.tool}", remedies.ASK)


def tool_is_unchanged(call: Call) -> Denial | None:
    if call.definition is not None and call.definition.hash == _granted_tools(call).get(call.tool):
        return None
    message = f"{call.tool} is not the tool any more that was approved"
    return _deny(call, Reason.TOOLS_CHANGED, message, remedies.REQUEST)


def access_suffices(call: Call) -> Denial | None:
    """A tool that writes, or a call judged to write (or not proven to read), needs Write in grant and binding."""
    definition = call.definition
    writes = call.needs is Access.WRITE or (definition is not None and definition.access is ToolAccess.WRITE)
    if not writes or _may_write(call):
        return None
    message = f"{call.tool} would write, and the session allows reading only"
    return _deny(call, Reason.WRITE_NOT_ALLOWED, message, remedies.ASK_WRITE)


def connection_works(call: Call) -> Denial | None:
    if call.binding is not None and call.binding.ready and call.binding.connected:
        return None
    problem = (call.binding.problem if call.binding is not None else "") or "the connection is not usable now"
    return _deny(call, Reason.CONNECTION_UNAVAILABLE, problem, remedies.PERSON)


def scopes_suffice(call: Call) -> Denial | None:
    missing = set(call.binding.missing_scopes) if call.binding is not None else set()
    needed = {entry[0] for entry in call.definition.scopes} if call.definition is not None else set()
    if not missing & needed:
        return None
    lacking = ", ".join(sorted(missing & needed))
    return _deny(call, Reason.SCOPE_MISSING, f"the connection lacks the scope {lacking}", remedies.RECONNECT)


def _session(call: Call) -> SessionView:
    # Rules after `session_exists` run only when there is one.
    if call.session is None:
        raise LookupError("a rule about the session was asked before session_exists")
    return call.session


def _granted(call: Call) -> GrantedBinding | None:
    grant = _session(call).grant
    return None if grant is None or call.binding is None else grant.binding(call.binding.name)


def _granted_tools(call: Call) -> dict[str, str]:
    granted = _granted(call)
    return granted.tools if granted is not None else {}


def _may_write(call: Call) -> bool:
    granted = _granted(call)
    return (
        granted is not None
        and call.binding is not None
        and granted.access is Access.WRITE
        and call.binding.max_access is Access.WRITE
    )


def _deny(call: Call, reason: Reason, message: str, remedy: str) -> Denial:
    return Denial(reason=reason, message=message, remedy=remedy, session=call.session.name if call.session else "")
