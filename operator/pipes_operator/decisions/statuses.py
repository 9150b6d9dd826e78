"""The whole status of a session for each thing that can be decided about it."""

from datetime import timedelta
from typing import Any

import msgspec

from pipes_api import resources
from pipes_api.grant import Grant
from pipes_api.resources import AgentSession, AgentSessionStatus, Condition, Limits, Usage
from pipes_api.states import SessionState

from . import texts
from .conditions import updated
from .endings import request_deadline
from .facts import NOTHING, Decision, Happening, SessionFacts, Verdict
from .summary import summary

Told = tuple[bool | None, str, str]
"""A condition's status (None: Unknown), reason and message."""

_QUIET = frozenset({SessionState.EXPIRED, SessionState.ENDED, SessionState.WITHDRAWN})


def pending(facts: SessionFacts, problems: tuple[str, ...]) -> Decision:
    """It cannot be granted as it is. What was shown to an approver is taken back, unless one has decided already."""
    message = texts.clean(f"It cannot be granted as it is: {'; '.join(problems)}.", 1000)
    status = _undecided(facts, SessionState.PENDING, "Pending", message)
    if facts.session.spec.approval is None:
        status = msgspec.structs.replace(status, grant=None, grant_hash=None, summary=(), approve_with="")
    return _decision(facts.session, status, Happening("Pending", message, warning=True))


def awaiting(facts: SessionFacts, grant: Grant, grant_hash: str, cuts: tuple[str, ...]) -> Decision:
    """Grant, hash, summary and manifest in one write: what is shown is what the hash stands for."""
    session = facts.session
    message = "A person must approve or deny it: read status.summary, then apply status.approveWith."
    if not facts.policies.in_force and facts.policies.problem:
        message = texts.clean(f"{message} But nothing can be activated now: {facts.policies.problem}", 1000)
    status = msgspec.structs.replace(
        _undecided(facts, SessionState.AWAITING_APPROVAL, "AwaitingApproval", message),
        grant=_as_served(grant),
        grant_hash=grant_hash,
        summary=summary(session, grant, facts.offers, facts.people, facts.pod, cuts),
        approve_with=texts.approve_with(session, grant_hash, stamping=facts.rules.stamping),
        providers=texts.providers(session, grant),
        access=texts.access(session, grant),
        calls=texts.calls(Usage(), grant.limits),
        bound_pod=session.status.bound_pod if session.spec.agent.pod_uid is None else facts.pod,
    )
    return _decision(session, status, Happening("AwaitingApproval", "A person must approve or deny it."))


def held(facts: SessionFacts, reason: str, message: str) -> Decision:
    """Approved, but something keeps it from becoming Active; `approvedAt` says since when."""
    status = _undecided(facts, SessionState.AWAITING_APPROVAL, reason, texts.clean(message, 1000))
    return _decision(facts.session, status, Happening(reason, message, warning=True))


def active(facts: SessionFacts, grant: Grant, grant_hash: str) -> Decision:
    """`expiresAt` is absolute and counted from now. Nothing written later moves it."""
    session, old = facts.session, facts.session.status
    by = session.spec.approval.by if session.spec.approval is not None else ""
    now = facts.now.replace(microsecond=0)
    until = now + timedelta(seconds=grant.duration)
    message = f"Approved by {by}; active until {until:%Y-%m-%dT%H:%M:%SZ}."
    conditions: dict[str, Told] = {
        "Approved": (True, "Approved", f"Approved by {by}."),
        "Ready": (True, "Active", message),
        "ToolsUnchanged": (True, "Unchanged", ""),
        "ConnectionsAvailable": (True, "Available", ""),
    }
    status = AgentSessionStatus(
        state=SessionState.ACTIVE,
        message=message,
        conditions=_conditions(facts, conditions),
        observed_generation=session.metadata.generation,
        grant=_as_served(grant),
        grant_hash=grant_hash,
        summary=summary(session, grant, facts.offers, facts.people, facts.pod, ()),
        providers=texts.providers(session, grant),
        access=texts.access(session, grant),
        calls=texts.calls(Usage(), grant.limits),
        approved_by=by,
        approved_at=old.approved_at or now,
        # Not cut to the second: it tells which of two activations is the newer.
        activated_at=facts.now,
        request_expires_at=request_deadline(session, facts.rules.request_timeout),
        expires_at=until,
        bound_pod=None if session.spec.agent.shared else facts.pod,
        usage=Usage(),
    )
    return Decision(status, Happening("Activated", message))


def refreshed(facts: SessionFacts, tools: Told, connections: Told) -> Decision:
    """An Active session as it is, with its pod and the conditions of its tools and connections."""
    session, old = facts.session, facts.session.status
    conditions: dict[str, Told] = {
        "Approved": kept(old, "Approved"),
        "Ready": kept(old, "Ready"),
        "ToolsUnchanged": tools,
        "ConnectionsAvailable": connections,
    }
    pod = None if session.spec.agent.shared else facts.pod or old.bound_pod
    status = msgspec.structs.replace(
        old,
        conditions=_conditions(facts, conditions),
        observed_generation=session.metadata.generation,
        bound_pod=pod,
    )
    if pod is not None and old.bound_pod is None:
        return Decision(status, Happening("Claimed", f"Pod {pod.name} uses this session."))
    return _decision(session, status, None)


def ended(facts: SessionFacts, verdict: Verdict) -> Decision:
    """A terminal state; the rest of the status stays as a record."""
    session, old = facts.session, facts.session.status
    denied = verdict.state is SessionState.DENIED
    conditions: dict[str, Told] = {
        "Approved": (False, "Denied", verdict.message) if denied else kept(old, "Approved"),
        "Ready": (False, verdict.reason, verdict.message),
    }
    revocation = session.spec.revocation
    status = msgspec.structs.replace(
        old,
        state=verdict.state,
        message=verdict.message,
        conditions=_conditions(facts, conditions),
        observed_generation=session.metadata.generation,
        approve_with="",
        ended_at=facts.now.replace(microsecond=0),
        ended_by=revocation.by if verdict.state is SessionState.REVOKED and revocation is not None else old.ended_by,
        providers=old.providers or texts.providers(session, None),
        access=old.access or texts.access(session, None),
        request_expires_at=request_deadline(session, facts.rules.request_timeout),
    )
    return _decision(session, status, Happening(verdict.state, verdict.message, warning=verdict.state not in _QUIET))


def _undecided(facts: SessionFacts, state: SessionState, reason: str, message: str) -> AgentSessionStatus:
    session, old = facts.session, facts.session.status
    approval = session.spec.approval
    approved: Told = (None, "Undecided", "")
    if approval is not None:
        approved = (True, "Approved", f"Approved by {approval.by}.")
    return msgspec.structs.replace(
        old,
        state=state,
        message=message,
        conditions=_conditions(facts, {"Approved": approved, "Ready": (False, reason, message)}),
        observed_generation=session.metadata.generation,
        request_expires_at=request_deadline(session, facts.rules.request_timeout),
        approved_at=(old.approved_at or facts.now.replace(microsecond=0)) if approval is not None else None,
        approved_by=approval.by if approval is not None else "",
        providers=old.providers or texts.providers(session, None),
        access=old.access or texts.access(session, None),
        calls=old.calls or texts.calls(Usage(), session.spec.limits or Limits()),
    )


def _as_served(grant: Grant) -> dict[str, Any]:
    """Lists, not tuples: what was written must equal what is read back, or it would be written for ever."""
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(grant))
    return data


def _conditions(facts: SessionFacts, told: dict[str, Told]) -> tuple[Condition, ...]:
    """All four kinds, always: a condition that cannot be known yet is Unknown."""
    unknown: Told = (None, "NotActive", "")
    every = {"ToolsUnchanged": unknown, "ConnectionsAvailable": unknown, **told}
    session = facts.session
    lines = [(kind, *every[kind]) for kind in ("Approved", "Ready", "ToolsUnchanged", "ConnectionsAvailable")]
    return updated(session.status.conditions, lines, session.metadata.generation, facts.now)


def kept(status: AgentSessionStatus, kind: str) -> Told:
    """The condition as it is."""
    old = resources.condition(status.conditions, kind)
    if old is None:
        return None, "Undecided", ""
    return {"True": True, "False": False}.get(old.status), old.reason, old.message


def _decision(session: AgentSession, status: AgentSessionStatus, happening: Happening | None) -> Decision:
    """Nothing, when the status is right as it is; an event only when the state or the reason for it is new."""
    if status == session.status:
        return NOTHING
    was, now = kept(session.status, "Ready"), kept(status, "Ready")
    new = status.state != session.status.state or was[1] != now[1]
    return Decision(status, happening if new else None)
