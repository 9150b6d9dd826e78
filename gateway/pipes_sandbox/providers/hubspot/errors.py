"""Error answers of HubSpot: `{status: "error", message, correlationId, category, errors?, context?}`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from pipes_sandbox.call import RefusalError


def refused(status: int, category: str, message: str, **more: Any) -> RefusalError:
    body = {"status": "error", "message": message, "correlationId": str(uuid.uuid4()), "category": category, **more}
    return RefusalError(status, body)


def unauthorized(expired: bool) -> RefusalError:
    if expired:
        return refused(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired.")
    return refused(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.")


def missing_scopes(scopes: Sequence[str]) -> RefusalError:
    return refused(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: "
        "https://developers.hubspot.com/scopes.",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": list(scopes)},
            }
        ],
        links={"scopes": "https://developers.hubspot.com/scopes"},
    )


def not_found(what: str = "resource not found") -> RefusalError:
    return refused(404, "OBJECT_NOT_FOUND", what)


def invalid(message: str, **more: Any) -> RefusalError:
    return refused(400, "VALIDATION_ERROR", message, **more)


def invalid_properties(problems: Sequence[dict[str, Any]]) -> RefusalError:
    """The list of problems is JSON within the message, as at HubSpot."""
    return invalid("Property values were not valid: " + json.dumps(list(problems)))
