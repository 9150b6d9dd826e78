"""Which session a call runs under, and which binding a tool name means."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

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


class Choice(NamedTuple):
    """The session that a call runs under, or the names of those among which the caller must choose."""

    session: SessionView | None = None
    ambiguous: tuple[str, ...] = ()


NONE = Choice()


def choose(sessions: Iterable[SessionView], binding: BindingView, named: str = "") -> Choice:
    """The session for a call of the binding; the one of that name, where the caller names one.

    A binding that leaves the person to the session may be covered by several live sessions, each for another person:
    then the caller must say which. Grants are never united: one call runs under one session.
    """
    covering = [each for each in sessions if _covers(each, binding.name) and named in ("", each.name)]
    if binding.from_session and not named:
        live = sorted(each.name for each in covering if _is_live(each))
        if len(live) > 1:
            return Choice(ambiguous=tuple(live))
    return Choice(max(covering, key=_rank, default=None))


def candidates(sessions: Iterable[SessionView], binding: BindingView) -> list[SessionView]:
    """Every session that `choose` may answer with when the caller names one that is live, else the one without."""
    known = list(sessions)
    choice = choose(known, binding)
    if choice.session is not None:
        return [choice.session]
    return [each for each in known if each.name in choice.ambiguous and _is_live(each) and _covers(each, binding.name)]


def _is_live(session: SessionView) -> bool:
    return session.state is SessionState.ACTIVE and session.live


def _covers(session: SessionView, binding: str) -> bool:
    if session.state is SessionState.ACTIVE and session.grant is not None:
        return session.grant.binding(binding) is not None
    return any(each.name == binding for each in session.requested)


def _rank(session: SessionView) -> tuple[int, datetime, str]:
    """The newest live one, a pod's own before one that it shares; else the newest undecided; else the last ended."""
    if _is_live(session):
        return 2 if session.agent.shared else 3, session.activated_at or _NEVER, session.uid
    if session.state in UNDECIDED:
        return 1, session.request_expires_at or _NEVER, session.uid
    return 0, session.ended_at or _NEVER, session.uid
