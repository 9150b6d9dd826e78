"""Error answers of the WorkOS API: `message` always, `code` mostly."""

from __future__ import annotations

from typing import Any

from pipes_sandbox.call import RefusalError


def refused(status: int, code: str | None, message: str, **more: Any) -> RefusalError:
    return RefusalError(status, {"message": message, **({"code": code} if code else {}), **more})


def unauthorized() -> RefusalError:
    return refused(401, None, "Unauthorized")


def invalid(field: str, message: str) -> RefusalError:
    """One member of the request is missing or wrong."""
    return refused(
        422,
        "validation_error",
        f"Validation failed: {field} {message}",
        errors=[{"code": "invalid_value", "field": field, "message": f"{field} {message}"}],
    )


def entity_not_found(what: str) -> RefusalError:
    return refused(404, "entity_not_found", what)


def integration_not_found() -> RefusalError:
    return entity_not_found("Data integration not found for the given provider slug.")


def account_not_found() -> RefusalError:
    return entity_not_found("Connected Account not found.")


def not_a_member() -> RefusalError:
    return refused(403, "organization_membership_required", "The user is not an active member of the organization.")


def account_selection_required() -> RefusalError:
    return refused(
        409,
        "account_selection_required",
        "Several connected accounts match; name one with connected_account_id.",
    )
