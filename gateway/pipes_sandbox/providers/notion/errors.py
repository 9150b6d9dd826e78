"""Error answers of Notion: `{object: "error", status, code, message, request_id}`."""

from __future__ import annotations

import uuid

from pipes_sandbox.call import RefusalError


def refused(status: int, code: str, message: str) -> RefusalError:
    body = {"object": "error", "status": status, "code": code, "message": message, "request_id": str(uuid.uuid4())}
    return RefusalError(status, body)


def unauthorized() -> RefusalError:
    return refused(401, "unauthorized", "API token is invalid.")


def restricted(message: str = "Insufficient permissions for this endpoint.") -> RefusalError:
    return refused(403, "restricted_resource", message)


def not_found(kind: str, key: str) -> RefusalError:
    """Also for what was not shared with the connection."""
    message = (
        f"Could not find {kind} with ID: {key}. Make sure the relevant pages and databases are shared with your "
        "integration."
    )
    return refused(404, "object_not_found", message)


def invalid(message: str) -> RefusalError:
    return refused(400, "validation_error", message)
