"""Whether an Active session is what its request and its approval can have made of it.

Only the operator writes status, while the policy that says so is in force. Spec
and approval are held by other rules. So what status allows is held against what
spec allows: a status that somebody else wrote can narrow, never widen.
"""

from datetime import timedelta

from pipes_api import durations
from pipes_api.grant import Grant, GrantedBinding
from pipes_api.resources import Access, AgentSession, Approval, Limits, RequestedBinding


def problem(session: AgentSession, grant: Grant) -> str:
    """Empty, or what in the status goes beyond the spec."""
    spec, status, approval = session.spec, session.status, session.spec.approval
    if approval is None or approval.decision != "Approved":
        return "nobody approved it"
    if grant.uid != session.metadata.uid or grant.agent != spec.agent:
        return "its grant is another session's"
    if grant.on_behalf_of != spec.on_behalf_of:
        return "its grant is in another person's name"
    if not _longest(spec.duration, approval) >= grant.duration:
        return "its grant lasts longer than what was approved"
    if status.activated_at is None or status.expires_at is None:
        return "it was never activated"
    if status.expires_at > status.activated_at + timedelta(seconds=grant.duration):
        return "it ends later than its grant"
    if not _within((spec.limits or Limits()).at_most(approval.limits), grant.limits):
        return "its budget is larger than what was approved"
    if not all(_allowed(each, session, approval) for each in grant.bindings):
        return "its grant holds more than what was approved"
    return ""


def _longest(asked: str, approval: Approval) -> int:
    try:
        return min(durations.parse(each) for each in (asked, approval.duration) if each is not None)
    except ValueError:
        return 0


def _within(ceiling: Limits, given: Limits) -> bool:
    pairs = ((ceiling.max_calls, given.max_calls), (ceiling.max_writes, given.max_writes))
    return all(most is None or (has is not None and has <= most) for most, has in pairs)


def _allowed(granted: GrantedBinding, session: AgentSession, approval: Approval) -> bool:
    wanted = next((each for each in session.spec.bindings if each.name == granted.name), None)
    if wanted is None or not wanted.access.covers(granted.access):
        return False
    prefix = granted.name.replace("-", "_") + "_"
    if not _named(granted, wanted.tools, prefix) or not _called(granted, wanted, prefix):
        return False
    person = session.spec.on_behalf_of
    if granted.connection.from_session and (person is None or granted.connection.user_id != person.user_id):
        return False
    if approval.bindings is None:
        return True
    kept = next((each for each in approval.bindings if each.name == granted.name), None)
    if kept is None or not (kept.access or Access.WRITE).covers(granted.access):
        return False
    return _named(granted, kept.tools, prefix)


def _called(granted: GrantedBinding, wanted: RequestedBinding, prefix: str) -> bool:
    """Whether, of exact calls that were asked for, no others are granted, and nothing but calls."""
    if wanted.calls is None:
        return True
    asked = {(each.tool, each.arguments) for each in wanted.calls}
    given = [{(call.tool, call.arguments), (call.tool.removeprefix(prefix), call.arguments)} for call in granted.calls]
    return bool(given) and all(each & asked for each in given) and set(granted.tools) <= {c.tool for c in granted.calls}


def _named(granted: GrantedBinding, names: tuple[str, ...] | None, prefix: str) -> bool:
    """Whether each tool is meant by one of the names, which are advertised ones or the catalog's."""
    return names is None or all(tool in names or tool.removeprefix(prefix) in names for tool in granted.tools)
