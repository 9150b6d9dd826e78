"""The audit trail: one JSON line on standard output for every decision, allowed or denied."""

import hashlib
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipes_api import canonical

MAXIMUM_TEXT = 512


class AuditUnavailable(Exception):  # noqa: N818 - reads as what happened
    """The line could not be written. What cannot be recorded must not happen."""


def audit(**fields: Any) -> None:
    """Write one decision: who, which session, which tool, the arguments' hash, allowed or why not.

    Text is cut at 512 characters. Never pass a token, a credential or plain arguments.

    Raises:
        AuditUnavailable: standard output does not take the line.
    """
    entry = {"at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"), "log": "audit"}
    entry |= {name: _bounded(value) for name, value in fields.items() if value not in (None, "")}
    try:
        sys.stdout.write(json.dumps(entry, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        raise AuditUnavailable(str(error)) from error


def arguments_hash(arguments: Mapping[str, Any]) -> str:
    """SHA-256 of the arguments' canonical JSON (RFC 8785), or of their plain JSON where they have no canonical form."""
    try:
        form = canonical.dumps(arguments)
    except ValueError:
        form = json.dumps(arguments, sort_keys=True).encode()
    return hashlib.sha256(form).hexdigest()


def _bounded(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= MAXIMUM_TEXT else text[: MAXIMUM_TEXT - 1] + "…"
