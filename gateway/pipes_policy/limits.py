"""What a call takes from the limits of its session, and which ceilings of its tool hold. Pure."""

from dataclasses import dataclass
from typing import Any

from pipes_api.grant import GrantedBinding
from pipes_api.messages import SessionView
from pipes_api.resources import Access, ToolLimits

from . import exact
from .call import Call

_NONE = ToolLimits()


@dataclass(frozen=True, slots=True)
class Place:
    """What one call takes from the budget of its session.

    `tool` is named where that tool has a budget of its own, `exact` is the id of the approved call: such calls are
    reserved, and given back, one by one.
    """

    access: Access
    tool: str = ""
    exact: str = ""

    @property
    def alone(self) -> bool:
        """Whether it is reserved by itself; other reads are reserved some at a time."""
        return self.access is Access.WRITE or bool(self.tool or self.exact)


def granted_to(call: Call) -> GrantedBinding | None:
    """What the session grants of the call's binding."""
    grant = call.session.grant if call.session is not None else None
    return None if grant is None or call.binding is None else grant.binding(call.binding.name)


def of_tool(call: Call) -> ToolLimits:
    """The narrower of the grant's ceilings for the tool and those of the binding as it is now."""
    granted = granted_to(call)
    one = granted.limits.get(call.tool, _NONE) if granted is not None else _NONE
    other = call.binding.tool_limits.get(call.tool, _NONE) if call.binding is not None else _NONE
    if one is _NONE:
        return other
    return ToolLimits(
        max_calls=_least(one.max_calls, other.max_calls),
        calls_per_minute=_least(one.calls_per_minute, other.calls_per_minute),
    )


def restrictions(call: Call) -> tuple[dict[str, Any], ...]:
    """JSON Schemas that the arguments must satisfy too: the grant's, and that of the binding as it is now."""
    granted = granted_to(call)
    found = (
        granted.restrict.get(call.tool) if granted is not None else None,
        call.binding.restrict.get(call.tool) if call.binding is not None else None,
    )
    return tuple(each for each in found if each is not None)


def place_of(call: Call, access: Access) -> Place:
    """What the call takes, once it is known what it does."""
    granted = granted_to(call)
    the_call = exact.approved(granted, call.tool, call.arguments or {}) if granted is not None else None
    return Place(
        access,
        tool=call.tool if of_tool(call).max_calls is not None else "",
        exact=the_call.id if the_call is not None else "",
    )


def is_budgeted(session: SessionView) -> bool:
    """Whether calls of the session are counted by reservation: it, a tool or a single call has a limit in the grant."""
    grant = session.grant
    if grant is None:
        return False
    if grant.limits.max_calls is not None or grant.limits.max_writes is not None:
        return True
    return any(
        each.calls or any(limits.max_calls is not None for limits in each.limits.values()) for each in grant.bindings
    )


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
