"""What gateway and broker see of a session and of a binding. Pure: resource and time in, view out.

The state shown is the effective one. What narrows counts as soon as it is seen
(a revocation, a deletion, the end of time), before the status is written;
what widens counts only once the operator has written it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from pipes_api import durations, grant, resources
from pipes_api.messages import BindingView, HostedOffer, SessionView
from pipes_api.resources import AgentSession, ProviderBinding, Usage
from pipes_api.states import TERMINAL, UNDECIDED, SessionState
from pipes_operator.decisions.reports import Word

from .definitions import Definitions

MANY_ENDED = 20
"""How many finished sessions an agent is shown, the newest first."""

_SENTENCES = {
    SessionState.PENDING: "The request cannot be granted as it is.",
    SessionState.AWAITING_APPROVAL: "A person has not decided about the request yet.",
    SessionState.ACTIVE: "A person approved the session.",
    SessionState.DENIED: "A person denied the request.",
    SessionState.REQUEST_TIMED_OUT: "Nobody approved the request in time.",
    SessionState.WITHDRAWN: "The request was withdrawn.",
    SessionState.TOO_MANY_REQUESTS: "Too many requests of this agent were waiting.",
    SessionState.GRANT_CHANGED: "What would be granted changed after a person looked at it.",
    SessionState.POLICY_CHANGED: "The rules for approvals changed while the request was waiting.",
    SessionState.EXPIRED: "The session's time is over.",
    SessionState.REVOKED: "The session was revoked.",
    SessionState.ENDED: "The session was ended.",
    SessionState.BUDGET_EXHAUSTED: "The session's calls are used up.",
    SessionState.POD_GONE: "The pod that the session was for is gone.",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """The effective state of a session, with why and by whom, where that overrides the status."""

    state: SessionState
    message: str = ""
    ended_by: str = ""
    ended_at: datetime | None = None


def standing(session: AgentSession, now: datetime) -> Standing:
    """What holds for the session at `now`, whatever its status says yet."""
    status, state = session.status, session.status.state or SessionState.PENDING
    if state in TERMINAL:
        return Standing(state, status.message, status.ended_by or _revoker(session, state), status.ended_at)
    revocation = session.spec.revocation
    if revocation is not None:
        because = f": {revocation.reason}" if revocation.reason else "."
        return Standing(SessionState.REVOKED, f"Revoked by {revocation.by or 'a person'}{because}", revocation.by, now)
    if session.metadata.deletion_timestamp is not None:
        return _deleted(state, now)
    if state is SessionState.ACTIVE and (status.expires_at is None or status.expires_at <= now):
        return Standing(SessionState.EXPIRED, ended_at=status.expires_at)
    return Standing(state, status.message)


def sentence(holds: Standing) -> str:
    """Why it stands so, for the agent."""
    return holds.message or _SENTENCES[holds.state]


def is_live(session: AgentSession, now: datetime) -> bool:
    """Active, not revoked, deleted or expired, and with a grant that can be read."""
    return standing(session, now).state is SessionState.ACTIVE and grant_of(session) is not None


def session_view(session: AgentSession, now: datetime) -> SessionView:
    """The session as an agent may see it."""
    return _view(session, standing(session, now))


def deleted_view(session: AgentSession, now: datetime) -> SessionView | None:
    """The last view of a session whose object is gone; None for a finished one, of which nothing needs to be told."""
    state = session.status.state or SessionState.PENDING
    return None if state in TERMINAL else _view(session, _deleted(state, now))


def _deleted(state: SessionState, now: datetime) -> Standing:
    if state in UNDECIDED:
        return Standing(SessionState.WITHDRAWN, "The request was deleted.", ended_at=now)
    return Standing(SessionState.REVOKED, "The session was deleted.", ended_at=now)


def _revoker(session: AgentSession, state: SessionState) -> str:
    revocation = session.spec.revocation
    return revocation.by if revocation is not None and state is SessionState.REVOKED else ""


def _view(session: AgentSession, holds: Standing) -> SessionView:
    spec, status = session.spec, session.status
    granted = grant_of(session)
    approval = spec.approval
    return SessionView(
        namespace=session.metadata.namespace,
        name=session.metadata.name,
        uid=session.metadata.uid,
        state=holds.state,
        agent=spec.agent,
        live=holds.state is SessionState.ACTIVE and granted is not None,
        pod_uid=pod_of(session),
        reason=spec.reason,
        requested=spec.bindings,
        grant=granted,
        grant_hash=status.grant_hash or "",
        message=sentence(holds),
        note=(approval.note or "") if approval is not None else "",
        decided_by=status.approved_by or (approval.by if approval is not None else ""),
        ended_by=holds.ended_by,
        activated_at=status.activated_at,
        request_expires_at=status.request_expires_at,
        expires_at=status.expires_at,
        ended_at=holds.ended_at,
        usage=status.usage or Usage(),
    )


def pod_of(session: AgentSession) -> str:
    """UID of the pod it belongs to; empty for a shared session, and for one that no pod has claimed."""
    if session.spec.agent.shared:
        return ""
    bound = session.status.bound_pod
    return bound.uid if bound is not None else session.spec.agent.pod_uid or ""


def belongs_to(session: AgentSession, namespace: str, service_account: str, pod_uid: str) -> bool:
    """Whether that pod may see, use and end the session."""
    agent = session.spec.agent
    if session.metadata.namespace != namespace or agent.service_account_name != service_account:
        return False
    return agent.shared or bool(pod_uid and pod_of(session) == pod_uid)


def worth_showing(sessions: Iterable[AgentSession], now: datetime, retention: timedelta) -> list[AgentSession]:
    """Those not finished, and the newest of the finished ones, so that an agent can be told why it is refused."""
    going, ended = [], []
    for session in sessions:
        holds = standing(session, now)
        if holds.state not in TERMINAL:
            going.append(session)
            continue
        at = holds.ended_at or session.metadata.creation_timestamp or now
        if now - at <= retention:
            ended.append((at, session.metadata.uid, session))
    ended.sort(key=lambda each: each[:2], reverse=True)
    return going + [session for _, _, session in ended[:MANY_ENDED]]


def grant_of(session: AgentSession) -> grant.Grant | None:
    """The grant of the status; one that cannot be read allows nothing."""
    if session.status.grant is None:
        return None
    try:
        return grant.read(session.status.grant)
    except msgspec.ValidationError:
        return None


def binding_view(binding: ProviderBinding, definitions: Definitions) -> BindingView:
    """The binding as it is offered now, without a word about whose connection it is."""
    spec, status, limits = binding.spec, binding.status, binding.spec.limits
    offer = definitions.offer(binding)
    ready = resources.is_true(status.conditions, "Ready")
    # Of one whose sessions name the person nothing can be said before: the session's own condition tells.
    connected = ready if spec.connection.from_session else resources.is_true(status.conditions, "Connected")
    return BindingView(
        namespace=binding.metadata.namespace,
        name=binding.metadata.name,
        uid=binding.metadata.uid,
        provider=spec.provider,
        max_access=limits.max_access,
        tools=offer.hashes(),
        ready=connected and ready and not _is_going(binding),
        connected=connected,
        suspended=spec.suspended,
        problem=_problem(binding),
        missing_scopes=status.missing_scopes,
        max_duration=_seconds(limits.max_duration),
        max_calls=limits.max_calls,
        calls_per_minute=limits.calls_per_minute,
        service_accounts=limits.allowed_service_accounts,
        from_session=spec.connection.from_session,
        restrict=dict(offer.restrict),
        tool_limits=dict(offer.limits),
    )


def brokers_view(view: BindingView, binding: ProviderBinding, definitions: Definitions) -> BindingView:
    """The view with what the broker alone is told: the hosted server whose tools it shall read, and as whom."""
    server, account = binding.spec.tools.mcp, binding.status.account
    usable = resources.is_true(binding.status.conditions, "Connected") and account is not None
    if server is None or not server.discover or not usable or account is None:
        return view
    hosts = definitions.offer(binding).hosts
    if not hosts or binding.spec.suspended or _is_going(binding):
        return view
    hosted = HostedOffer(
        url=server.url,
        title=definitions.title(binding),
        connection=binding.spec.connection,
        account=account.id,
        hosts=hosts,
    )
    return msgspec.structs.replace(view, hosted=hosted)


def _is_going(binding: ProviderBinding) -> bool:
    return binding.metadata.deletion_timestamp is not None


def _problem(binding: ProviderBinding) -> str:
    """What a person must do, without the names of user, organization and account."""
    if binding.spec.suspended:
        return "a person has suspended this connection"
    if _is_going(binding):
        return "this connection is being deleted"
    if not binding.status.conditions:
        return "the connection has not been checked yet"
    for kind in ("Connected", "Ready"):
        found = resources.condition(binding.status.conditions, kind)
        if found is not None and found.status != "True" and found.reason != Word.FROM_SESSION:
            return _without_names(found.message or found.reason, binding)
    return ""


def _without_names(text: str, binding: ProviderBinding) -> str:
    connection, account = binding.spec.connection, binding.status.account
    private = {connection.user_id, connection.organization_id, connection.connected_account_id}
    if account is not None:
        private |= {account.id, account.display_name}
    for word in sorted((each for each in private if each), key=len, reverse=True):
        text = text.replace(word, "[withheld]")
    return text


def _seconds(duration: str | None) -> int | None:
    if duration is None:
        return None
    try:
        return durations.parse(duration)
    except ValueError:
        # The CRD lets no such text in; if one is there all the same, nothing may be asked for.
        return 0
