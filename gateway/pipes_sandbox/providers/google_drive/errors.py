"""Error answers in Google's format."""

from __future__ import annotations

from typing import Any

from pipes_sandbox.call import RefusalError

_STATUS_WORDS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}


def refused(
    code: int,
    reason: str,
    message: str,
    *,
    location: str | None = None,
    location_type: str = "parameter",
    details: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
) -> RefusalError:
    error: dict[str, Any] = {"message": message, "domain": "global", "reason": reason}
    if location:
        error |= {"location": location, "locationType": location_type}
    body: dict[str, Any] = {"code": code, "message": message, "errors": [error]}
    if code in (401, 403) and (code == 401 or details):
        body["status"] = _STATUS_WORDS[code]
    if details:
        body["details"] = details
    return RefusalError(code, {"error": body}, headers)


def invalid(parameter: str, message: str = "Invalid Value") -> RefusalError:
    return refused(400, "invalid", message, location=parameter)


def not_found(file_id: str) -> RefusalError:
    return refused(404, "notFound", f"File not found: {file_id}.", location="fileId")


def unauthenticated() -> RefusalError:
    message = (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
    )
    return refused(
        401,
        "authError",
        message,
        location="Authorization",
        location_type="header",
        headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'},
    )


def scope_insufficient(method: str, scopes: str) -> RefusalError:
    """The token lacks a scope: the person would have to connect again with more."""
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "domain": "googleapis.com",
            "metadata": {"service": "drive.googleapis.com", "method": f"google.apps.drive.v3.{method}"},
        }
    ]
    challenge = f'Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="{scopes}"'
    return refused(
        403,
        "insufficientPermissions",
        "Request had insufficient authentication scopes.",
        details=details,
        headers={"WWW-Authenticate": challenge},
    )


def file_permission(message: str = "The user does not have sufficient permissions for this file.") -> RefusalError:
    """The person may not do this to this file, whatever the scopes."""
    return refused(403, "insufficientFilePermissions", message)
