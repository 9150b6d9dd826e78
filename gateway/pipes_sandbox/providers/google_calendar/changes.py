"""What the body of a request makes of an event."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from pipes_sandbox.call import Call
from pipes_sandbox.google.errors import refused

from .model import Calendar, Event
from .recurrence import occurrences
from .times import point

TEXTS = ("summary", "description", "location", "visibility", "transparency", "colorId")
SHARED = (*TEXTS, "start", "end", "recurrence", "attendees", "conferenceData")
"""What the organizer alone may change."""
_OWN_ID = re.compile(r"[a-v0-9]{5,1024}")
_ADDRESS = re.compile(r"[^@\s<>,;]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_ANSWERS = ("needsAction", "declined", "tentative", "accepted")


def body_of(call: Call) -> dict[str, Any]:
    """Raises RefusalError 400."""
    try:
        body = call.json()
    except ValueError:
        raise refused(400, "parseError", "Parse Error") from None
    if not isinstance(body, dict):
        raise refused(400, "badRequest", "Bad Request")
    return body


def own_id(body: Mapping[str, Any]) -> str:
    given = body.get("id")
    if given is None:
        return secrets.token_hex(13)
    if not isinstance(given, str) or not _OWN_ID.fullmatch(given):
        raise refused(400, "invalid", "Invalid resource id value.")
    return given


def laid_over(members: Mapping[str, Any], body: Mapping[str, Any], organizer: str) -> dict[str, Any]:
    """The members with the body's laid over them: objects merged, null clears, lists replaced (RFC 7396)."""
    made = dict(members)
    for name in (*TEXTS, "recurrence"):
        if name in body:
            made[name] = body[name]
            if body[name] is None:
                del made[name]
    for name in ("start", "end"):
        if name in body:
            merged = {**made.get(name, {}), **(body[name] if isinstance(body[name], dict) else {})}
            made[name] = {key: value for key, value in merged.items() if value is not None}
    if "attendees" in body:
        made["attendees"] = attendees(body, made.get("attendees", []), organizer)
    return made


def attendees(body: Mapping[str, Any], before: list[dict[str, Any]], organizer: str) -> list[dict[str, Any]]:
    """The guests after a change. With `attendeesOmitted`, those that are not named stay as they are."""
    known = {each["email"]: each for each in before}
    given = body["attendees"] if isinstance(body["attendees"], list) else []
    made: dict[str, dict[str, Any]] = dict(known) if body.get("attendeesOmitted") else {}
    for each in given:
        email = each.get("email") if isinstance(each, dict) else None
        if not isinstance(email, str) or not _ADDRESS.fullmatch(email):
            raise refused(400, "invalid", "Invalid attendee email.")
        if each.get("responseStatus", "needsAction") not in _ANSWERS:
            raise refused(400, "invalid", "Invalid attendee response status.")
        answer = "accepted" if email == organizer else "needsAction"
        made[email] = {"responseStatus": answer, **known.get(email, {}), **each}
    return list(made.values())


def checked(members: Mapping[str, Any], calendar: Calendar) -> None:
    """Raises RefusalError 400 for an event that cannot be."""
    for name in ("start", "end"):
        if name not in members:
            raise refused(400, "required", f"Missing {name} time.")
    begins = point(members["start"], "start", calendar.time_zone)
    ends = point(members["end"], "end", calendar.time_zone)
    if ("date" in members["start"]) != ("date" in members["end"]):
        raise refused(400, "invalid", "Start and end times must either both be date or both be dateTime.")
    if ends < begins:
        raise refused(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar")
    if members.get("recurrence"):
        for name in ("start", "end"):
            if "dateTime" in members[name] and "timeZone" not in members[name]:
                raise refused(400, "required", f"Missing time zone definition for {name} time.")
        next(iter(occurrences(members["recurrence"], begins)), None)


def with_conference(call: Call, members: dict[str, Any], body: Mapping[str, Any]) -> None:
    asked = body.get("conferenceData")
    if call.query("conferenceDataVersion", "0") != "1" or not isinstance(asked, dict):
        return
    request = asked.get("createRequest")
    if not isinstance(request, dict) or not request.get("requestId"):
        raise refused(400, "invalid", "Invalid conference data.")
    code = "-".join(secrets.token_hex(2)[:3] for _ in range(3))
    link = f"https://meet.google.com/{code}"
    members["hangoutLink"] = link
    members["conferenceData"] = {
        "createRequest": {**request, "status": {"statusCode": "success"}},
        "entryPoints": [{"entryPointType": "video", "uri": link}],
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
        "conferenceId": code,
    }


def only_own_answer(body: Mapping[str, Any], event: Event, calendar: Calendar) -> None:
    """Raises RefusalError 403 when a guest would change more than their own answer."""
    known = {each["email"]: each for each in event.members.get("attendees", ())}
    given = [each for each in body.get("attendees") or () if isinstance(each, dict)]
    others = set(body) & set(SHARED) - {"attendees"}
    foreign = [each for each in given if each.get("email") != calendar.id and not _as_known(each, known)]
    missing = "attendees" in body and not body.get("attendeesOmitted") and len(given) != len(known)
    if others or foreign or missing:
        message = "Shared properties can only be changed by the organizer of the event."
        raise refused(403, "forbiddenForNonOrganizer", message, domain="calendar")


def _as_known(guest: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> bool:
    before = known.get(str(guest.get("email")))
    return before is not None and {**before, **guest} == before
