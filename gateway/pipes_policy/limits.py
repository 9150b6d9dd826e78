"""What a call takes from the limits of its session, and which ceilings of its tool hold. Pure."""

from typing import Any, NamedTuple

from pipes_api.messages import SessionView
from pipes_api.resources import Access, ToolLimits

from . import exact
from .call import Call

_NONE = ToolLimits()


class Place(NamedTuple):
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


def of_tool(call: Call) -> ToolLimits:
    """The narrower of the grant's ceilings for the tool and those of the binding as it is now."""
    granted, binding = call.granted, call.binding
    one = granted.limits.get(call.tool) if granted is not None and granted.limits else None
    other = binding.tool_limits.get(call.tool) if binding is not None and binding.tool_limits else None
    if one is None or other is None:
        return one or other or _NONE
    return ToolLimits(
        max_calls=_least(one.max_calls, other.max_calls),
        calls_per_minute=_least(one.calls_per_minute, other.calls_per_minute),
    )


def restrictions(call: Call) -> tuple[dict[str, Any], ...]:
    """JSON Schemas that the arguments must satisfy too: the grant's, and that of the binding as it is now."""
    granted = call.granted
    found = (
        granted.restrict.get(call.tool) if granted is not None else None,
        call.binding.restrict.get(call.tool) if call.binding is not None else None,
    )
    return tuple(each for each in found if each is not None)


def place_of(call: Call, access: Access) -> Place:
    """What the call takes, once it is known what it does."""
    granted = call.granted
    the_call = (
        exact.approved(granted, call.tool, call.arguments or {}) if granted is not None and granted.calls else None
    )
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
    for each in grant.bindings:
        if each.calls or any(limits.max_calls is not None for limits in each.limits.values()):
            return True
    return False


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
