"""Which session a call runs under, and which binding a tool name means."""

from collections.abc import Iterable
from datetime import UTC, datetime

from pipes_api.messages import BindingView, SessionView
from pipes_api.states import UNDECIDED, SessionState

_NEVER = datetime.min.replace(tzinfo=UTC)


def tool_prefix(binding: str) -> str:
    """Tool names of a binding begin so: `google-drive` → `google_drive_`."""
    return binding.replace("-", "_") + "_"


def binding_of(tool: str, bindings: Iterable[BindingView]) -> BindingView | None:
    """The binding that offers a tool of that advertised name, else the one whose name the tool begins with."""
    named = [each for each in bindings if tool.startswith(tool_prefix(each.name))]
    exact = [each for each in named if tool in each.tools]
    return next(iter(exact), None) or max(named, key=lambda each: len(each.name), default=None)


def choose(sessions: Iterable[SessionView], binding: str) -> SessionView | None:
    """The newest live session that covers the binding; else the newest undecided one; else the last that ended.

    Of the live ones, a pod's own goes before one that it shares. Grants are
    never united: one call runs under one session.
    """
    covering = [each for each in sessions if _covers(each, binding)]
    return max(covering, key=_rank, default=None)


def _covers(session: SessionView, binding: str) -> bool:
    if session.state is SessionState.ACTIVE and session.grant is not None:
        return session.grant.binding(binding) is not None
    return any(each.name == binding for each in session.requested)


def _rank(session: SessionView) -> tuple[int, datetime, str]:
    if session.state is SessionState.ACTIVE and session.live:
        return 2 if session.agent.shared else 3, session.activated_at or _NEVER, session.uid
    if session.state in UNDECIDED:
        return 1, session.request_expires_at or _NEVER, session.uid
    return 0, session.ended_at or _NEVER, session.uid
