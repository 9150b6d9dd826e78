"""What the API server answers when it does not do as asked."""

# ruff: noqa: N818 - these are the API's own words for what happened

from typing import Any


class KubeError(Exception):
    """Base. `message` is the API server's own sentence."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class NotFound(KubeError):
    """404: no such object, or the kind is not served."""


class Conflict(KubeError):
    """409: the object changed since it was read, has another uid, or exists already. Decide again."""


class Invalid(KubeError):
    """400, 413, 415 or 422: schema or policy refuses the object as it is. A retry is useless."""


class Forbidden(KubeError):
    """403: RBAC, or an admission policy that refuses with that code."""


class Unavailable(KubeError):
    """No answer in time, 401, 429 or 5xx: try again later. `retry_after` in seconds, when the server said it."""

    def __init__(self, message: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message, status)
        self.retry_after = retry_after


def from_answer(status: int, body: Any, retry_after: str | None) -> KubeError:
    """The typed error of a `metav1.Status` answer."""
    message = str(body.get("message", "")) if isinstance(body, dict) else ""
    message = message or f"the API server answered {status}"
    match status:
        case 403:
            return Forbidden(message, status)
        case 404:
            return NotFound(message, status)
        case 409:
            return Conflict(message, status)
        case 401 | 429:
            return Unavailable(message, status, _seconds(retry_after))
        case _ if status >= 500:
            return Unavailable(message, status, _seconds(retry_after))
        case _:
            return Invalid(message, status)


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
