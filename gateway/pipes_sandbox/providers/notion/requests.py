"""The body of a call."""

from __future__ import annotations

from typing import Any

from pipes_sandbox.call import Call

from . import errors


def body_of(call: Call) -> dict[str, Any]:
    """Raises RefusalError 400 in Notion's words for what is no JSON object."""
    try:
        document = call.json()
    except ValueError:
        raise errors.refused(400, "invalid_json", "Error parsing JSON body.") from None
    if not isinstance(document, dict):
        raise errors.invalid("body failed validation: body should be an object.")
    return document
