"""Why a session that is not Active yet can never become so: one pure check a reason, asked in order."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from pipes_api.resources import AgentSession
from pipes_api.states import UNDECIDED, SessionState
from pipes_api.tokens import service_account

from .facts import SessionFacts, Verdict

Check = Callable[[SessionFacts], Verdict | None]


def request_deadline(session: AgentSession, request_timeout: timedelta) -> datetime:
    """When an undecided request ends. Never moved once it was written."""
    return session.status.request_expires_at or created(session) + request_timeout


def created(session: AgentSession) -> datetime:
    """Creation as the API server wrote it, in whole seconds."""
    if session.metadata.creation_timestamp is None:
        raise ValueError(f"{session.metadata.name} was never created")
    return session.metadata.creation_timestamp


def born_approved(session: AgentSession) -> bool:
    """Created already approved: only such an approval carries no grantHash (a policy holds the others to one)."""
    approval = session.spec.approval
    return approval is not None and approval.decision == "Approved" and approval.grant_hash is None


def asked_by_agent(session: AgentSession) -> bool:
    """Whether the agent's own ServiceAccount asked, by a gateway or by itself."""
    agent = service_account(session.metadata.namespace, session.spec.agent.service_account_name)
    return session.spec.requested_by == agent


def is_person(user: str) -> bool:
    """Whether a user name can be a person's: no machine's of the API server's own, and not nobody's."""
    return bool(user) and (not user.startswith("system:") or user == "system:admin")


def _withdrawn(facts: SessionFacts) -> Verdict | None:
    if facts.session.metadata.deletion_timestamp is None:
        return None
    return Verdict(SessionState.WITHDRAWN, "Withdrawn", "The request was deleted.")


def _revoked(facts: SessionFacts) -> Verdict | None:
    revocation = facts.session.spec.revocation
    if revocation is None:
        return None
    why = f": {revocation.reason}" if revocation.reason else "."
    return Verdict(SessionState.REVOKED, "Revoked", f"Revoked by {revocation.by or 'a person'}{why}")


def _denied(facts: SessionFacts) -> Verdict | None:
    approval = facts.session.spec.approval
    if approval is None or approval.decision != "Denied":
        return None
    why = f": {approval.note}" if approval.note else "."
    return Verdict(SessionState.DENIED, "Denied", f"Denied by {approval.by}{why}")


def _pod_gone(facts: SessionFacts) -> Verdict | None:
    if not facts.pod_gone or facts.session.spec.agent.shared:
        return None
    return Verdict(SessionState.POD_GONE, "PodGone", "The pod it was asked for is gone.")


def _too_many(facts: SessionFacts) -> Verdict | None:
    session = facts.session
    if session.status.state is not None or not asked_by_agent(session):
        return None
    waiting = sum(1 for each in facts.siblings if asked_by_agent(each) and _waits(each, facts))
    if waiting < facts.rules.pending_cap:
        return None
    message = f"{waiting} requests of this agent wait for a person already; a person must decide them first."
    return Verdict(SessionState.TOO_MANY_REQUESTS, "TooManyRequests", message)


def _waits(other: AgentSession, facts: SessionFacts) -> bool:
    return other.status.state in UNDECIDED or other.metadata.uid in facts.admitted


def _approver_is_no_person(facts: SessionFacts) -> Verdict | None:
    approval = facts.session.spec.approval
    if approval is None or is_person(approval.by):
        return None
    message = f"The approval names {approval.by or 'nobody'}, which no policy in force would have let through."
    return Verdict(SessionState.POLICY_CHANGED, "ApproverIsNoPerson", message)


def _timed_out(facts: SessionFacts) -> Verdict | None:
    session, rules = facts.session, facts.rules
    if born_approved(session):
        if facts.now < created(session) + rules.born_approved:
            return None
        message = f"A session created already approved must become Active within {rules.born_approved.seconds} s. " + (
            session.status.message or ""
        )
        return Verdict(SessionState.REQUEST_TIMED_OUT, "NotActivatedInTime", message.strip())
    deadline = request_deadline(session, rules.request_timeout)
    if session.spec.approval is None:
        if facts.now < deadline:
            return None
        return Verdict(SessionState.REQUEST_TIMED_OUT, "NotDecidedInTime", "Nobody decided in time.")
    if session.status.approved_at is None and facts.now >= deadline:
        # Seen for the first time after the deadline: nothing tells whether it was written before.
        return Verdict(SessionState.REQUEST_TIMED_OUT, "ApprovedTooLate", "It was not approved in time.")
    if facts.now < deadline + rules.activation_window:
        return None
    message = "It was approved, but could not become Active in time. " + session.status.message
    return Verdict(SessionState.REQUEST_TIMED_OUT, "NotActivatedInTime", message.strip())


def _policy_changed(facts: SessionFacts) -> Verdict | None:
    policies = facts.policies
    # While they are not in force nothing is activated anyway, and the change that restores them is yet to come.
    if not policies.in_force or policies.changed_at is None or policies.changed_at < created(facts.session):
        return None
    message = "The admission policies changed after it was asked for, so its approval may have bypassed them."
    return Verdict(SessionState.POLICY_CHANGED, "PolicyChanged", message)


ENDINGS: tuple[Check, ...] = (
    _withdrawn,
    _revoked,
    _denied,
    _pod_gone,
    _too_many,
    _approver_is_no_person,
    _timed_out,
    _policy_changed,
)


def first(checks: Iterable[Check], facts: SessionFacts) -> Verdict | None:
    return next((verdict for check in checks if (verdict := check(facts)) is not None), None)
