"""Linear's refusals: entries of `errors` whose `extensions` say of which kind they are."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError

from pipes_sandbox.call import RefusalError


def _extensions(kind: str, code: str, status: int, presentable: str) -> dict[str, Any]:
    return {
        "type": kind,
        "code": code,
        "statusCode": status,
        "userError": True,
        "userPresentableMessage": presentable,
    }


def not_found(kind: str) -> GraphQLError:
    """What is not there, and what the person may not see: Linear does not tell them apart."""
    said = f"Could not find referenced {kind}."
    return GraphQLError(f"Entity not found: {kind}", extensions=_extensions("invalid input", "INPUT_ERROR", 400, said))


def invalid(message: str) -> GraphQLError:
    said = _extensions("invalid input", "INVALID_INPUT", 400, message)
    return GraphQLError("Argument Validation Error", extensions=said)


def scope_missing(scopes: tuple[str, ...]) -> GraphQLError:
    said = f"Invalid scope: {' or '.join(f'`{each}`' for each in scopes)} required"
    return GraphQLError(said, extensions=_extensions("forbidden", "FORBIDDEN", 403, said))


def unauthenticated() -> RefusalError:
    said = "You need to authenticate to access this operation."
    extensions = _extensions("authentication error", "AUTHENTICATION_ERROR", 401, said)
    error = {"message": "Authentication required, not authenticated", "extensions": extensions}
    return RefusalError(401, {"errors": [error]})


def bad_request(message: str, code: str) -> RefusalError:
    """A document that is none, or not one of this schema."""
    extensions = _extensions("graphql error", code, 400, message)
    return RefusalError(400, {"errors": [{"message": message, "extensions": extensions}]})
