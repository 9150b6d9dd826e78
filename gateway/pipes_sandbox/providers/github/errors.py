"""GitHub's refusals: `{message, documentation_url}`, with `errors` where an argument is at fault."""

from __future__ import annotations

from typing import Any

from pipes_sandbox.call import RefusalError

_DOCUMENTATION = "https://docs.github.com/rest"


def refused(status: int, message: str, headers: dict[str, str] | None = None, **more: Any) -> RefusalError:
    body = {"message": message, **more, "documentation_url": _DOCUMENTATION, "status": str(status)}
    return RefusalError(status, body, headers)


def bad_credentials() -> RefusalError:
    return refused(401, "Bad credentials")


def not_found(headers: dict[str, str] | None = None) -> RefusalError:
    """What is not there, and what the token may not see or change: GitHub does not tell them apart."""
    return refused(404, "Not Found", headers)


def invalid(resource: str, field: str, code: str, message: str = "") -> RefusalError:
    problem = {"resource": resource, "field": field, "code": code, **({"message": message} if message else {})}
    return refused(422, "Validation Failed", errors=[problem])
