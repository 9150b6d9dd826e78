"""Refused requests: a reason, a sentence, an HTTP status."""

from pipes_api.messages import Failure
from pipes_api.reasons import Reason, RequestRefusal

_STATUS: dict[str, int] = {
    RequestRefusal.INVALID: 400,
    RequestRefusal.UNAUTHENTICATED: 401,
    RequestRefusal.FORBIDDEN: 403,
    RequestRefusal.NOT_FOUND: 404,
    RequestRefusal.NOT_OFFERED: 422,
    RequestRefusal.TOO_MANY_REQUESTS: 429,
    RequestRefusal.NOT_LEADER: 503,
    RequestRefusal.UNAVAILABLE: 503,
    Reason.RATE_LIMITED: 429,
}
_OTHER_STATUS = 409
"""A session that is not as the request needs it."""


class Refused(Exception):  # noqa: N818 - reads as what happened
    """A request is refused; `failure` is what the caller is told."""

    def __init__(
        self, reason: RequestRefusal | Reason, message: str, remedy: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.failure = Failure(reason=str(reason), message=message, remedy=remedy, retry_after_seconds=retry_after)
        self.status = _STATUS.get(reason, _OTHER_STATUS)


def unauthenticated(message: str) -> Refused:
    return Refused(RequestRefusal.UNAUTHENTICATED, message)


def forbidden(message: str) -> Refused:
    return Refused(RequestRefusal.FORBIDDEN, message)


def invalid(message: str, remedy: str = "") -> Refused:
    return Refused(RequestRefusal.INVALID, message, remedy)


def not_found(name: str) -> Refused:
    """The same for a session that is another pod's: whether it exists is not the caller's to know."""
    return Refused(RequestRefusal.NOT_FOUND, f"there is no session {name[:253]!r} of this pod")


def unavailable(message: str, retry_after: float | None = 1.0) -> Refused:
    return Refused(RequestRefusal.UNAVAILABLE, message, "try again in a moment", retry_after)
