"""States of an AgentSession: one enum, one table of transitions."""

from enum import StrEnum


class SessionState(StrEnum):
    """`status.state`. Every state after ACTIVE absorbs: nothing leads out of it."""

    PENDING = "Pending"
    """It cannot be granted as it is: a binding is missing or not Ready, or a tool is unknown."""
    AWAITING_APPROVAL = "AwaitingApproval"
    ACTIVE = "Active"
    DENIED = "Denied"
    REQUEST_TIMED_OUT = "RequestTimedOut"
    WITHDRAWN = "Withdrawn"
    TOO_MANY_REQUESTS = "TooManyRequests"
    GRANT_CHANGED = "GrantChanged"
    POLICY_CHANGED = "PolicyChanged"
    EXPIRED = "Expired"
    REVOKED = "Revoked"
    ENDED = "Ended"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    POD_GONE = "PodGone"


_S = SessionState

UNDECIDED = frozenset({_S.PENDING, _S.AWAITING_APPROVAL})
TERMINAL = frozenset(SessionState) - UNDECIDED - {_S.ACTIVE}

_ENDS_BEFORE_ACTIVE = frozenset(
    {
        _S.DENIED,
        _S.REQUEST_TIMED_OUT,
        _S.WITHDRAWN,
        _S.TOO_MANY_REQUESTS,
        _S.GRANT_CHANGED,
        _S.POLICY_CHANGED,
        _S.REVOKED,
        _S.POD_GONE,
    }
)

TRANSITIONS: dict[SessionState | None, frozenset[SessionState]] = {
    # A session created already approved may become Active in its first write.
    None: UNDECIDED | {_S.ACTIVE} | _ENDS_BEFORE_ACTIVE,
    _S.PENDING: frozenset({_S.AWAITING_APPROVAL, _S.ACTIVE}) | _ENDS_BEFORE_ACTIVE,
    _S.AWAITING_APPROVAL: frozenset({_S.PENDING, _S.ACTIVE}) | _ENDS_BEFORE_ACTIVE,
    _S.ACTIVE: frozenset({_S.EXPIRED, _S.REVOKED, _S.ENDED, _S.BUDGET_EXHAUSTED, _S.POD_GONE}),
    **{state: frozenset() for state in TERMINAL},
}


def may_become(old: SessionState | None, new: SessionState) -> bool:
    """Whether the table allows `old` → `new`; staying as it is, is always allowed."""
    return old == new or new in TRANSITIONS[old]
