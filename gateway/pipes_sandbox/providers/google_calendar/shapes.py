"""Calendars and events as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .model import Calendar, Found
from .times import told, zone


def calendar(item: Calendar, me: str) -> dict[str, Any]:
    shape = {
        "kind": "calendar#calendarListEntry",
        "id": item.id,
        "summary": item.summary,
        "timeZone": item.time_zone,
        "accessRole": item.role(me),
        "colorId": "14",
        "backgroundColor": "#9fe1e7",
        "selected": True,
    }
    if item.description:
        shape["description"] = item.description
    if item.id == me:
        shape["primary"] = True
    return shape


def event(found: Found, on: Calendar, me: str, role: str, zone_name: str, most: int) -> dict[str, Any]:
    """The event as it is on that calendar, times in that zone; of more than `most` guests only the calendar's own."""
    members = found.members
    times = {
        "start": told(found.begins, members["start"], zone_name),
        "end": told(found.ends, members["end"], zone_name),
    }
    if role == "freeBusyReader":
        seen: dict[str, Any] = {name: members[name] for name in ("id", "status", "recurringEventId") if name in members}
        return {"kind": "calendar#event", **seen, **times, "visibility": "private"}
    shape = {
        "kind": "calendar#event",
        "etag": f'"{members["updated"]}"',
        **members,
        **times,
        "iCalUID": f"{members['id']}@google.com",
        "htmlLink": f"https://www.google.com/calendar/event?eid={members['id']}",
        "creator": _self(members["creator"], on),
        "organizer": _self(members["organizer"], on),
    }
    guests = [_self(each, on) for each in members.get("attendees", ())]
    if len(guests) > most:
        guests = [each for each in guests if each.get("self")]
        shape["attendeesOmitted"] = True
    if guests:
        shape["attendees"] = guests
    else:
        shape.pop("attendees", None)
    return shape


def _self(person: Mapping[str, Any], on: Calendar) -> dict[str, Any]:
    return {**person, "self": True} if person["email"] == on.id else dict(person)


def text_of(members: Mapping[str, Any]) -> str:
    """What a search looks at."""
    people = [members["organizer"], *members.get("attendees", ())]
    names = [str(each.get(name, "")) for each in people for name in ("email", "displayName")]
    return " ".join([*(str(members.get(name, "")) for name in ("summary", "description", "location")), *names]).lower()


def takes_time(members: Mapping[str, Any], on: Calendar) -> bool:
    declined = any(
        each["email"] == on.id and each.get("responseStatus") == "declined" for each in members.get("attendees", ())
    )
    return members["status"] != "cancelled" and members.get("transparency") != "transparent" and not declined


def merged(busy: list[tuple[datetime, datetime]], zone_name: str) -> list[dict[str, str]]:
    """Times that overlap made one, in order."""
    made: list[tuple[datetime, datetime]] = []
    for begins, ends in sorted(busy):
        if made and begins <= made[-1][1]:
            made[-1] = (made[-1][0], max(ends, made[-1][1]))
        else:
            made.append((begins, ends))
    return [{"start": _text(begins, zone_name), "end": _text(ends, zone_name)} for begins, ends in made]


def _text(when: datetime, zone_name: str) -> str:
    return when.astimezone(zone(zone_name)).isoformat(timespec="seconds").replace("+00:00", "Z")
