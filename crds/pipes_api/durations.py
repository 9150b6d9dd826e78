"""Durations as people write them: `15m`, `1h`, `1h30m`. One parser behind every door."""

import re

MINIMUM_SECONDS = 60
MAXIMUM_SECONDS = 24 * 3600

FORM = "hours, minutes and seconds like 15m, 1h or 1h30m, between 1m and 24h"

# ASCII digits only, and \Z: `$` would match before a newline at the end.
_PATTERN = re.compile(r"(?:([0-9]{1,3})h)?(?:([0-9]{1,4})m)?(?:([0-9]{1,5})s)?\Z")


def parse(text: str) -> int:
    """Seconds of a duration.

    Raises:
        ValueError: `text` is not of the form, or is shorter than one minute or longer than 24 hours.
    """
    match = _PATTERN.match(text) if isinstance(text, str) and text else None
    if match is None:
        raise ValueError(f"not a duration: {text!r:.40}; write {FORM}")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if not MINIMUM_SECONDS <= total <= MAXIMUM_SECONDS:
        raise ValueError(f"duration {text!r} is out of range; write {FORM}")
    return total


def render(seconds: int) -> str:
    """The shortest text that `parse` reads as `seconds`: 5400 → `1h30m`."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (left, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"
