"""Events that repeat (RFC 5545), as far as the stand-in goes: daily and weekly rules, and dates left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from pipes_sandbox.google.errors import refused

MOST = 1_000
"""Occurrences of a series that has no end."""

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_KNOWN = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"}


def occurrences(lines: Sequence[str], start: datetime) -> Iterator[datetime]:
    """Beginnings, at the same time of day in the zone of `start`.

    Raises RefusalError 400 for a rule that cannot be read, or that the stand-in does not know.
    """
    rules = [line.removeprefix("RRULE:") for line in lines if line.startswith("RRULE:")]
    left_out = {text for line in lines if line.startswith("EXDATE") for text in line.rpartition(":")[2].split(",")}
    if len(rules) != 1 or any(not re.match(r"RRULE:|EXDATE[:;]", line) for line in lines):
        raise _invalid()
    for each in _rule(rules[0], start):
        if not {name_of(each, whole_day=False), each.strftime("%Y%m%dT%H%M%S"), each.strftime("%Y%m%d")} & left_out:
            yield each


def name_of(begins: datetime, *, whole_day: bool) -> str:
    """How the id of an occurrence ends."""
    return begins.strftime("%Y%m%d") if whole_day else begins.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _rule(text: str, start: datetime) -> Iterator[datetime]:
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    frequency = parts.get("FREQ")
    days = parts.get("BYDAY", _DAYS[start.weekday()] if frequency == "WEEKLY" else "").split(",")
    if frequency not in ("DAILY", "WEEKLY") or not parts.keys() <= _KNOWN or not set(days) <= {*_DAYS, ""}:
        raise _invalid()
    interval, most = _number(parts.get("INTERVAL", "1")), _number(parts.get("COUNT", str(MOST)))
    until = _until(parts["UNTIL"], start) if "UNTIL" in parts else None
    monday = start - timedelta(days=start.weekday())
    found = 0
    for step in range(MOST * 7):
        day = start + timedelta(days=step)
        weeks = (day.date() - monday.date()).days // 7
        fits = step % interval == 0 if frequency == "DAILY" else weeks % interval == 0
        if not fits or (days != [""] and _DAYS[day.weekday()] not in days):
            continue
        if found >= min(most, MOST) or (until is not None and day > until):
            return
        found += 1
        yield day


def _number(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise _invalid()
    return int(text)


def _until(text: str, start: datetime) -> datetime:
    try:
        if text.endswith("Z"):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return datetime.strptime(text, "%Y%m%d").replace(hour=23, minute=59, tzinfo=start.tzinfo)
    except ValueError:
        raise _invalid() from None


def _invalid() -> Exception:
    return refused(400, "invalid", "Invalid recurrence rule.")
