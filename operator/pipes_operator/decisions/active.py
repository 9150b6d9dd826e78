"""A session that is Active: end it, bind it to a pod, or keep its conditions true."""

from datetime import UTC, datetime

import msgspec

from pipes_api import grant as grants
from pipes_api.grant import Grant, GrantedBinding
from pipes_api.resources import AgentSession, is_true
from pipes_api.states import SessionState

from . import endings, reports, statuses, texts, trust
from .facts import Decision, SessionFacts, Verdict
from .reports import Report, Word

_NEVER = datetime.min.replace(tzinfo=UTC)


def decide(facts: SessionFacts) -> Decision:
    verdict = endings.first(_ENDINGS, facts)
    if verdict is not None:
        return statuses.ended(facts, verdict)
    return statuses.refreshed(facts, _tools(facts), _connections(facts))


def granted(session: AgentSession) -> Grant | None:
    """The grant in its status; None when there is none that this version can read."""
    try:
        return grants.read(session.status.grant or {})
    except msgspec.ValidationError:
        return None


def _revoked(facts: SessionFacts) -> Verdict | None:
    session = facts.session
    if session.metadata.deletion_timestamp is not None:
        return Verdict(SessionState.REVOKED, "Deleted", "The session was deleted.")
    revocation = session.spec.revocation
    if revocation is None:
        return None
    why = f": {revocation.reason}" if revocation.reason else "."
    return Verdict(SessionState.REVOKED, "Revoked", f"Revoked by {revocation.by or 'a person'}{why}")


def _expired(facts: SessionFacts) -> Verdict | None:
    until = facts.session.status.expires_at
    if until is not None and facts.now < until:
        return None
    return Verdict(SessionState.EXPIRED, "Expired", "Its time is over. A person must approve a new session.")


def _unreadable(facts: SessionFacts) -> Verdict | None:
    if granted(facts.session) is not None:
        return None
    return Verdict(SessionState.ENDED, "GrantUnreadable", "This version of the operator cannot read its grant.")


def _beyond_its_approval(facts: SessionFacts) -> Verdict | None:
    grant = granted(facts.session)
    problem = trust.problem(facts.session, grant) if grant is not None else ""
    if not problem and not facts.activated_here:
        problem = "its status was not written by the operator"
    if not problem:
        return None
    return Verdict(SessionState.ENDED, "StatusNotTrusted", f"It was ended, since {problem}.")


def _pod_gone(facts: SessionFacts) -> Verdict | None:
    if not facts.pod_gone or facts.session.spec.agent.shared:
        return None
    return Verdict(SessionState.POD_GONE, "PodGone", "Its pod is gone.")


def _superseded(facts: SessionFacts) -> Verdict | None:
    """At most one Active session per (pod, binding), or per (ServiceAccount, binding) of shared ones.

    Of a binding whose sessions name the person: one for each person.
    """
    session = facts.session
    newer = next((each for each in facts.siblings if _supersedes(each, session)), None)
    if newer is None:
        return None
    return Verdict(SessionState.ENDED, "Superseded", f"The newer session {newer.metadata.name} took its place.")


def _supersedes(other: AgentSession, session: AgentSession) -> bool:
    if other.status.state is not SessionState.ACTIVE or _age(other) <= _age(session):
        return False
    if other.spec.agent.shared != session.spec.agent.shared:
        return False
    if not session.spec.agent.shared and (pod_of(session) is None or pod_of(other) != pod_of(session)):
        return False
    return bool(_places(other) & _places(session))


def pod_of(session: AgentSession) -> str | None:
    """UID of the pod it is bound to."""
    bound = session.status.bound_pod
    return session.spec.agent.pod_uid or (bound.uid if bound is not None else None)


def _age(session: AgentSession) -> tuple[datetime, str]:
    return session.status.activated_at or _NEVER, session.metadata.uid


def _places(session: AgentSession) -> set[tuple[str, str, str]]:
    """Binding, user and organization of each connection that it uses; of a binding's own, just the binding."""
    grant = granted(session)
    found = set()
    for each in grant.bindings if grant is not None else ():
        person = each.connection if each.connection.from_session else None
        found.add(
            (each.name, person.user_id, person.organization_id or "") if person is not None else (each.name, "", "")
        )
    return found


def _tools(facts: SessionFacts) -> statuses.Told:
    grant = granted(facts.session)
    changed = []
    for each in grant.bindings if grant is not None else ():
        offer = facts.offers.get(each.name)
        now = offer.hashes() if offer is not None else {}
        changed += [name for name, digest in each.tools.items() if now.get(name) != digest]
    if not changed:
        return True, "Unchanged", ""
    return False, "ToolsChanged", f"Denied until a person approves a new session: {', '.join(sorted(changed)[:20])}."


def _connections(facts: SessionFacts) -> statuses.Told:
    grant = granted(facts.session)
    lacking, unknown = [], False
    for each in grant.bindings if grant is not None else ():
        offer = facts.offers.get(each.name)
        if offer is None or offer.binding.metadata.uid != each.uid:
            lacking.append(f"{each.name} is gone")
        elif offer.binding.spec.suspended:
            lacking.append(f"{each.name} is suspended")
        elif not is_true(offer.binding.status.conditions, "Ready"):
            lacking.append(f"{each.name} is not Ready")
        elif each.connection.from_session:
            report = facts.people.get(each.name)
            unknown |= report is None
            if report is not None and (problem := _persons(each, report)):
                lacking.append(problem)
    if not lacking and unknown:
        # Pipes is being asked, as after a restart: what was last known is more than nothing.
        return statuses.kept(facts.session.status, "ConnectionsAvailable")
    if not lacking:
        return True, "Available", ""
    return False, "Unavailable", texts.clean("; ".join(lacking) + ".", 1000)


def _persons(granted: GrantedBinding, report: Report) -> str:
    """Why the connection of the person cannot be used now; it may come back, and the session stays."""
    name, user = granted.name, granted.connection.user_id
    report = reports.checked(granted.connection, report)
    if report.word is not Word.CONNECTED or report.account is None:
        return f"{name}: the connection of {user} cannot be used: {report.message or report.word.value}"
    if report.account.id != granted.account:
        return f"{name}: {user} has connected another account since the approval"
    return ""


_ENDINGS: tuple[endings.Check, ...] = (
    _revoked,
    _expired,
    _unreadable,
    _beyond_its_approval,
    _pod_gone,
    _superseded,
)
