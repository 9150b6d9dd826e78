"""When to try again: `Retry-After` (RFC 9110 section 10.2.3), and what providers have of their own."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 24 * 3600.0

_MOMENT = 1e8
"""A number of seconds beyond this (three years) is a moment since 1970, beyond its thousandfold in milliseconds."""


def retry_after(headers: Mapping[str, str], reset: Iterable[str] = ()) -> float | None:
    """Seconds to wait, from a number or a date; None when no header tells it, or in a way that makes no sense.

    `reset` are names of further headers that hold seconds, or the moment when a limit ends.
    """
    asked = _asked(headers.get("Retry-After", "").strip())
    if asked is not None:
        return asked
    for name in reset:
        try:
            value = float(headers.get(name, ""))
        except ValueError:
            continue
        if not 0 <= value < 1e15:
            continue
        if value > _MOMENT:
            value = (value / 1_000 if value > _MOMENT * 1_000 else value) - time.time()
        return min(max(0.0, value), LONGEST)
    return None


def _asked(text: str) -> float | None:
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), LONGEST)
    except (ValueError, OverflowError):
        return None
