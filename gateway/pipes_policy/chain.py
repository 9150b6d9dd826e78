"""The policy chain: every rule, in the order it is asked."""

import math
from collections.abc import Callable

from pipes_api.reasons import Reason

from . import call_rules, remedies, session_rules, tool_rules
from .call import Call, Denial

Check = Callable[[Call], Denial | None]

SESSION_RULES: tuple[Check, ...] = (
    session_rules.state_is_known,
    session_rules.session_is_unambiguous,
    session_rules.session_exists,
    session_rules.session_is_the_named_one,
    session_rules.session_is_active,
    session_rules.session_has_not_expired,
    session_rules.session_belongs_to_caller,
    session_rules.token_is_for_this_session_and_pod,
    session_rules.lease_is_current,
)
"""Whether there is a live session that this caller may use, and whose token is good."""

TOOL_RULES: tuple[Check, ...] = (
    tool_rules.binding_is_the_granted_one,
    tool_rules.connection_is_the_persons,
    tool_rules.binding_is_not_suspended,
    tool_rules.binding_is_offered_to_the_agent,
    tool_rules.tool_is_granted,
    tool_rules.tool_is_unchanged,
    call_rules.call_is_an_approved_one,
    call_rules.approved_call_is_unspent,
    call_rules.tool_has_calls_left,
    tool_rules.access_suffices,
    tool_rules.connection_works,
    tool_rules.scopes_suffice,
)
"""Whether that session, and the binding as it is now, allow this tool."""

CHAIN = SESSION_RULES + TOOL_RULES

RUNNING_RULES = (*SESSION_RULES, tool_rules.binding_is_the_granted_one, tool_rules.binding_is_not_suspended)
"""What ends a call that is under way; the other rules are asked before its next send."""


def decide(call: Call) -> Denial | None:
    """The first rule that refuses, or None: the call may pass."""
    return _first(CHAIN, call)


def decide_session(call: Call) -> Denial | None:
    """As `decide`, for what is asked of every use of a session, whatever tool it is about."""
    return _first(SESSION_RULES, call)


def decide_running(call: Call) -> Denial | None:
    """As `decide`, for a call that was let pass and is under way."""
    return _first(RUNNING_RULES, call)


def ended(call: Call) -> Denial:
    """For a call that was cancelled although nothing speaks against it any more."""
    message = f"the session ended while {call.tool} was under way"
    return Denial(reason=Reason.SESSION_ENDED, message=message, remedy=remedies.REQUEST)


def not_recorded(call: Call) -> Denial:
    """For a call that would pass, and cannot be written into the audit trail."""
    message = f"the call of {call.tool} could not be recorded"
    return Denial(reason=Reason.AUDIT_UNAVAILABLE, message=message, remedy=remedies.RETRY)


def too_fast(call: Call, seconds: float) -> Denial:
    """For a call beyond the calls per minute of binding or tool; `seconds` until the next may go."""
    return Denial(
        reason=Reason.RATE_LIMITED,
        message=f"{call.tool} may not be called so often",
        remedy=f"Wait {math.ceil(seconds)} s before the next call.",
        session=call.session.name if call.session is not None else "",
        retry_after_seconds=seconds,
    )


def _first(rules: tuple[Check, ...], call: Call) -> Denial | None:
    for check in rules:
        denial = check(call)
        if denial is not None:
            return denial
    return None
