"""Tool results (MCP `CallToolResult`) as plain JSON data."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from pipes_api.names import DENIAL_META
from pipes_policy.call import Denial

Result = dict[str, Any]


def moment(time: datetime) -> str:
    """RFC 3339, whole seconds of UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def said(text: str, structured: Any = None) -> Result:
    """A success, as text for models and as data."""
    result: Result = {"content": [{"type": "text", "text": text}]}
    if structured is not None:
        result["structuredContent"] = msgspec.to_builtins(structured)
    return result


def failed(text: str, structured: Any = None) -> Result:
    """An error that the model should read: a wrong argument, a provider's own failure."""
    return {**said(text, structured), "isError": True}


def denied(denial: Denial) -> Result:
    """A refusal by policy. Never an HTTP error, since clients end the whole run on those."""
    meta: dict[str, Any] = {"reason": denial.reason.value, "remedy": denial.remedy}
    if denial.session:
        meta["session"] = denial.session
    if denial.retry_after_seconds is not None:
        meta["retryAfterSeconds"] = round(denial.retry_after_seconds, 3)
    if denial.session_expires_at is not None:
        meta["sessionExpiresAt"] = moment(denial.session_expires_at)
    result = failed(f"permission denied: {denial.message.rstrip('.')}. {denial.remedy}", {"denial": meta})
    result["_meta"] = {DENIAL_META: meta}
    return result
