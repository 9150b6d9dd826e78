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
    domain: str = "global",
    location: str | None = None,
    location_type: str = "parameter",
    details: list[dict[str, Any]] | None = None,
    headers: dict[str, str] | None = None,
    status: str = "",
) -> RefusalError:
    """`status`: the canonical word, which only some of the APIs tell."""
    error: dict[str, Any] = {"message": message, "domain": domain, "reason": reason}
    if location:
        error |= {"location": location, "locationType": location_type}
    body: dict[str, Any] = {"code": code, "message": message, "errors": [error]}
    if status or (code in (401, 403) and (code == 401 or details)):
        body["status"] = status or _STATUS_WORDS[code]
    if details:
        body["details"] = details
    return RefusalError(code, {"error": body}, headers)


def canonical(code: int, message: str, *, status: str = "") -> RefusalError:
    """As the younger APIs tell it: no list of errors, the canonical word only."""
    return RefusalError(
        code, {"error": {"code": code, "message": message, "status": status or _STATUS_WORDS.get(code, "UNKNOWN")}}
    )


def as_canonical(refused: RefusalError) -> RefusalError:
    body = {name: each for name, each in refused.body["error"].items() if name != "errors"}
    return RefusalError(refused.status, {"error": body}, refused.headers)


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


def scope_insufficient(service: str, method: str, scopes: str) -> RefusalError:
    """The token lacks a scope: the person would have to connect again with more.

    `method` as Google's logs name it (`google.apps.drive.v3.DriveFiles.List`); `scopes` those of which one is enough.
    """
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "domain": "googleapis.com",
            "metadata": {"service": service, "method": method},
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
