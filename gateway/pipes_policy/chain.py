"""The policy chain: every rule, in the order it is asked."""

from collections.abc import Callable

from . import checks
from .call import Call, Denial

Check = Callable[[Call], Denial | None]

CHAIN: tuple[Check, ...] = (
    checks.state_is_known,
    checks.session_exists,
    checks.session_is_active,
    checks.session_has_not_expired,
    checks.session_belongs_to_caller,
    checks.token_is_for_this_session_and_pod,
    checks.lease_is_current,
    checks.binding_is_the_granted_one,
    checks.binding_is_not_suspended,
    checks.binding_is_offered_to_the_agent,
    checks.tool_is_granted,
    checks.tool_is_unchanged,
    checks.access_suffices,
    checks.connection_works,
    checks.scopes_suffice,
)


def decide(call: Call) -> Denial | None:
    """The first rule that refuses, or None: the call may pass."""
    for check in CHAIN:
        denial = check(call)
        if denial is not None:
            return denial
    return None
