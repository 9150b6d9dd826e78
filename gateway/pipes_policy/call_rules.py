"""Rules about this one call: is it among the approved ones, where single calls were approved, and are any left?"""

from pipes_api.reasons import Reason

from . import exact, limits, remedies
from .call import Call, Denial
from .denying import deny, session_of, used_up


def call_is_an_approved_one(call: Call) -> Denial | None:
    """Where single calls were approved, nothing else passes; a call that is refused here uses none of them up."""
    granted = call.granted
    if granted is None or not granted.calls or call.arguments is None:
        return None
    if exact.approved(granted, call.tool, call.arguments) is not None:
        return None
    message = f"only single calls were approved, and this call of {call.tool} is none of them"
    left = exact.still_open(granted, session_of(call).usage, call.tool)
    # In the remedy, which is not recorded: arguments are in the audit trail by their hash alone.
    return deny(call, Reason.CALL_MISMATCH, message, remedies.only(left) if left else remedies.REQUEST)


def approved_call_is_unspent(call: Call) -> Denial | None:
    granted = call.granted
    if granted is None or not granted.calls or call.reserved:
        return None
    open_calls = exact.still_open(granted, session_of(call).usage, call.tool)
    if call.arguments is None:
        spent = not open_calls
    else:
        spent = exact.approved(granted, call.tool, call.arguments) not in open_calls
    return used_up(call, f"the approved call of {call.tool}") if spent else None


def tool_has_calls_left(call: Call) -> Denial | None:
    """By the usage that was told last; what a call really gets is settled by its reservation."""
    most = limits.of_tool(call).max_calls
    if most is None or call.reserved or session_of(call).usage.tools.get(call.tool, 0) < most:
        return None
    return used_up(call, f"its calls of {call.tool}")
