"""The tool list, from the same checks that judge a call."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipes_api.grant import GrantedCall
from pipes_api.messages import BindingView, SessionView
from pipes_catalog.definition import ToolDefinition

from . import exact
from .call import Call, Denial
from .chain import decide


@dataclass(frozen=True, slots=True)
class Advertised:
    """A tool in the list; `denial` is what a call would get now, None when it may pass.

    `exact` are the only calls that may pass, where single calls were approved. `sessions` are named when several allow
    the tool, so that a call must say which it means.
    """

    name: str
    definition: ToolDefinition
    binding: BindingView
    denial: Denial | None
    exact: tuple[GrantedCall, ...] = ()
    sessions: tuple[str, ...] = ()


def advertised(
    bindings: Iterable[BindingView],
    definition_of: Callable[[str], ToolDefinition | None],
    sessions_of: Callable[[BindingView], Sequence[SessionView]],
    call_of: Callable[[BindingView, str, SessionView | None], Call],
) -> list[Advertised]:
    """Every tool the agent may ask for, in the order of its name, judged by `decide` under each session it may name."""
    tools = []
    for binding in bindings:
        sessions: Sequence[SessionView | None] = sessions_of(binding) or (None,)
        for name, digest in binding.tools.items():
            definition = definition_of(digest)
            if definition is not None:
                calls = [call_of(binding, name, session) for session in sessions]
                tools.append(_judged(name, definition, binding, calls))
    return sorted(tools, key=lambda tool: tool.name)


def _judged(name: str, definition: ToolDefinition, binding: BindingView, calls: Sequence[Call]) -> Advertised:
    denials = [decide(call) for call in calls]
    passing = [call for call, denial in zip(calls, denials, strict=True) if denial is None]
    if not passing:
        return Advertised(name, definition, binding, denials[0])
    names = sorted(call.session.name for call in passing if call.session is not None) if len(passing) > 1 else ()
    return Advertised(name, definition, binding, None, _exact(passing), tuple(names))


def _exact(calls: Sequence[Call]) -> tuple[GrantedCall, ...]:
    """The calls that are open, when these are all that may pass; none when a session allows the tool as such."""
    found: list[GrantedCall] = []
    for call in calls:
        granted = call.granted
        if granted is None or call.session is None or not granted.calls:
            return ()
        found += exact.still_open(granted, call.session.usage, call.tool)
    return tuple(found)
