"""Moments and days as Google Calendar writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from pipes_sandbox.google.errors import refused

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})?")


def zone(name: str) -> ZoneInfo:
    """Raises RefusalError 400."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise refused(400, "invalid", f"Invalid time zone: {name}", location="timeZone") from None


def moment(text: str, parameter: str) -> datetime:
    """A bound of a query: RFC 3339, the offset mandatory. Raises RefusalError 400."""
    made = _parsed(text)
    if made is None or made.tzinfo is None:
        raise refused(400, "badRequest", "Bad Request", location=parameter)
    return made


def point(written: Any, name: str, default_zone: str) -> datetime:
    """When an EventDateTime is; a day begins at midnight in the calendar's zone. Raises RefusalError 400."""
    if not isinstance(written, Mapping) or ("date" in written) == ("dateTime" in written):
        raise refused(400, "invalid", f"Invalid {name} time.")
    zone_name = written.get("timeZone")
    if "date" in written:
        try:
            return datetime.combine(date.fromisoformat(str(written["date"])), time(), zone(default_zone))
        except ValueError:
            raise refused(400, "invalid", f"Invalid {name} time.") from None
    made = _parsed(str(written["dateTime"]))
    if made is None:
        raise refused(400, "parseError", "Parse Error")
    if made.tzinfo is None:
        if zone_name is None:
            raise refused(400, "required", f"Missing time zone definition for {name} time.")
        return made.replace(tzinfo=zone(zone_name))
    return made.astimezone(zone(zone_name)) if zone_name else made


def _parsed(text: str) -> datetime | None:
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None


def told(when: datetime, like: Mapping[str, Any], zone_name: str) -> dict[str, Any]:
    """An EventDateTime in that zone, in the form of another."""
    if "date" in like:
        return {"date": when.date().isoformat()}
    text = when.astimezone(zone(zone_name)).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"dateTime": text, "timeZone": like.get("timeZone") or zone_name}


def stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
