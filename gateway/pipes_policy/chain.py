"""The policy chain: every rule, in the order it is asked."""

import math
from collections.abc import Callable

from pipes_api.reasons import Reason

from . import checks, remedies
from .call import Call, Denial

Check = Callable[[Call], Denial | None]

SESSION_RULES: tuple[Check, ...] = (
    checks.state_is_known,
    checks.session_exists,
    checks.session_is_active,
    checks.session_has_not_expired,
    checks.session_belongs_to_caller,
    checks.token_is_for_this_session_and_pod,
    checks.lease_is_current,
)
"""Whether there is a live session that this caller may use, and whose token is good."""

TOOL_RULES: tuple[Check, ...] = (
    checks.binding_is_the_granted_one,
    checks.binding_is_not_suspended,
    checks.binding_is_offered_to_the_agent,
    checks.tool_is_granted,
    checks.tool_is_unchanged,
    checks.access_suffices,
    checks.connection_works,
    checks.scopes_suffice,
)
"""Whether that session, and the binding as it is now, allow this tool."""

CHAIN = SESSION_RULES + TOOL_RULES

RUNNING_RULES = (*SESSION_RULES, checks.binding_is_the_granted_one, checks.binding_is_not_suspended)
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
    """For a call beyond the binding's calls per minute; `seconds` until the next may go."""
    return Denial(
        reason=Reason.RATE_LIMITED,
        message=f"{call.tool} may not be called so often",
        remedy=f"Wait {math.ceil(seconds)} s before the next call of this connection.",
        session=call.session.name if call.session is not None else "",
        retry_after_seconds=seconds,
    )


def _first(rules: tuple[Check, ...], call: Call) -> Denial | None:
    for check in rules:
        denial = check(call)
        if denial is not None:
            return denial
    return None
