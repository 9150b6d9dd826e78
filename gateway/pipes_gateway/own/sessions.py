"""Sessions of this agent, in the words that its tools use."""

from datetime import UTC, datetime
from typing import Any

from pipes_api.messages import SessionView
from pipes_api.states import UNDECIDED, SessionState
from pipes_live.view import LiveView
from pipes_policy import remedies

from ..results import moment as _moment
from . import budgets


def newest_first(view: LiveView) -> list[SessionView]:
    """Live ones first, then undecided ones, then those that ended last."""
    return sorted(view.sessions(), key=_rank, reverse=True)


def named(view: LiveView, name: str) -> SessionView | None:
    """The newest session of that name, among those that this pod may know of."""
    return next((each for each in newest_first(view) if each.name == name), None)


def is_live(session: SessionView) -> bool:
    return session.state is SessionState.ACTIVE and session.live


def is_open(session: SessionView) -> bool:
    return is_live(session) or session.state in UNDECIDED


def tools_of(session: SessionView, view: LiveView) -> list[str]:
    """Names of the tools that it allows, or will once approved as asked."""
    if session.grant is not None:
        return sorted(tool for binding in session.grant.bindings for tool in binding.tools)
    tools: list[str] = []
    for asked in session.requested:
        binding = view.binding(session.namespace, asked.name)
        offered = list(binding.tools) if binding is not None else []
        wanted = asked.tools if asked.calls is None else tuple(each.tool for each in asked.calls)
        tools += [tool for tool in offered if wanted is None or _is_one_of(tool, asked.name, wanted)]
    return sorted(tools)


def show_command(session: SessionView) -> str:
    """With this a person looks at a session. What they then apply is written by the operator, not by an agent."""
    return f"kubectl -n {session.namespace} get agentsession {session.name} -o yaml"


def sentence(session: SessionView) -> str:
    """Its state, for a model."""
    if not is_live(session):
        return remedies.sentence(session)
    if session.expires_at is None:
        return f"session {session.name} is active"
    left = max(0, int((session.expires_at - datetime.now(UTC)).total_seconds()))
    until = moment(session.expires_at)
    return f"session {session.name} is active for another {left // 60}m{left % 60:02d}s, until {until}"


def structured(session: SessionView, view: LiveView) -> dict[str, Any]:
    """The same as data; fields that say nothing are left out."""
    data: dict[str, Any] = {
        "session": session.name,
        "namespace": session.namespace,
        "state": session.state.value,
        "live": is_live(session),
        "reason": session.reason,
        "tools": tools_of(session, view) if is_open(session) else [],
        "bindings": [{"name": each.name, "access": each.access.value} for each in session.requested],
        "requestExpiresAt": moment(session.request_expires_at) if session.state in UNDECIDED else None,
        "expiresAt": moment(session.expires_at),
        "endedAt": moment(session.ended_at),
        "note": session.note,
        "decidedBy": session.decided_by,
        "endedBy": session.ended_by,
        "message": session.message,
        "budget": budgets.structured(session) if is_live(session) else {},
        "usage": {"calls": session.usage.calls, "writes": session.usage.writes, "denied": session.usage.denied},
    }
    return {key: value for key, value in data.items() if value not in (None, "", {})}


def moment(time: datetime | None) -> str | None:
    return _moment(time) if time is not None else None


_NEVER = datetime.min.replace(tzinfo=UTC)


def _rank(session: SessionView) -> tuple[int, datetime, str]:
    level = 2 if is_live(session) else 1 if session.state in UNDECIDED else 0
    when = session.activated_at or session.ended_at or session.request_expires_at or _NEVER
    return level, when, session.uid


def _is_one_of(tool: str, binding: str, asked: tuple[str, ...]) -> bool:
    prefix = binding.replace("-", "_") + "_"
    return tool in asked or tool.removeprefix(prefix) in asked
