"""Error answers of Salesforce REST: a JSON array of `{message, errorCode, fields?}`."""

from __future__ import annotations

from collections.abc import Sequence

from pipes_sandbox.call import RefusalError


def refused(status: int, code: str, message: str, fields: Sequence[str] | None = None) -> RefusalError:
    error: dict[str, object] = {"message": message, "errorCode": code}
    if fields is not None:
        error["fields"] = list(fields)
    return RefusalError(status, [error])


def malformed_query(message: str) -> RefusalError:
    return refused(400, "MALFORMED_QUERY", message)


def invalid_field(field: str, sobject: str) -> RefusalError:
    """Also what a person without permission on the field is told."""
    message = (
        f"\nNo such column '{field}' on entity '{sobject}'. If you are attempting to use a custom field, be sure to "
        "append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
        "appropriate names."
    )
    return refused(400, "INVALID_FIELD", message)


def invalid_type(sobject: str) -> RefusalError:
    message = (
        f"\nsObject type '{sobject}' is not supported. If you are attempting to use a custom object, be sure to append "
        "the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
    )
    return refused(400, "INVALID_TYPE", message)


def not_found(message: str = "The requested resource does not exist") -> RefusalError:
    return refused(404, "NOT_FOUND", message)


def session_invalid() -> RefusalError:
    return refused(401, "INVALID_SESSION_ID", "Session expired or invalid")
