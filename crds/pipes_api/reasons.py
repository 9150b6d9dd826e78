"""Why a call, or a request for a session, is refused: stable words on the wire, in audit and in metrics."""

from enum import StrEnum


class Reason(StrEnum):
    """Reason code of a denial. Never renamed; new ones may be added."""

    SESSION_REQUIRED = "SessionRequired"
    AWAITING_APPROVAL = "AwaitingApproval"
    SESSION_DENIED = "SessionDenied"
    SESSION_EXPIRED = "SessionExpired"
    SESSION_REVOKED = "SessionRevoked"
    SESSION_ENDED = "SessionEnded"
    REQUEST_TIMED_OUT = "RequestTimedOut"
    GRANT_CHANGED = "GrantChanged"
    POLICY_CHANGED = "PolicyChanged"
    POD_GONE = "PodGone"
    SESSION_AMBIGUOUS = "SessionAmbiguous"
    BUDGET_EXHAUSTED = "BudgetExhausted"
    RATE_LIMITED = "RateLimited"
    NOT_GRANTED = "NotGranted"
    WRITE_NOT_ALLOWED = "WriteNotAllowed"
    ARGUMENTS_NOT_ALLOWED = "ArgumentsNotAllowed"
    CALL_MISMATCH = "CallMismatch"
    TOOLS_CHANGED = "ToolsChanged"
    SCOPE_MISSING = "ScopeMissing"
    CONNECTION_UNAVAILABLE = "ConnectionUnavailable"
    BINDING_SUSPENDED = "BindingSuspended"
    LEASE_EXPIRED = "LeaseExpired"
    OPERATOR_UNAVAILABLE = "OperatorUnavailable"
    AUDIT_UNAVAILABLE = "AuditUnavailable"


class RequestRefusal(StrEnum):
    """Why the session service refuses a request that is not a provider call."""

    INVALID = "InvalidRequest"
    UNAUTHENTICATED = "Unauthenticated"
    FORBIDDEN = "Forbidden"
    NOT_FOUND = "NotFound"
    NOT_OFFERED = "NotOffered"
    TOO_MANY_REQUESTS = "TooManyRequests"
    NOT_LEADER = "NotLeader"
    UNAVAILABLE = "Unavailable"
