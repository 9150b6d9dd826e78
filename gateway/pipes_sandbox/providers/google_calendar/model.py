"""Calendars and what stands in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipes_sandbox.google.errors import refused

from .recurrence import name_of, occurrences
from .times import point, stamp

ROLES = ("none", "freeBusyReader", "reader", "writer", "owner")


@dataclass(slots=True)
class Calendar:
    id: str
    summary: str
    time_zone: str
    owner: str
    members: dict[str, str] = field(default_factory=dict)
    """E-mail address to role."""
    listed: list[str] = field(default_factory=list)
    """Who has it in their list, besides those with a role of their own."""
    description: str = ""

    def role(self, email: str) -> str:
        if email == self.owner:
            return "owner"
        if email in self.members:
            return self.members[email]
        # Colleagues see when somebody is busy: what Workspace shares by default.
        same_domain = email.rpartition("@")[2] == self.id.rpartition("@")[2]
        return "freeBusyReader" if self.id == self.owner and same_domain else "none"


@dataclass(slots=True)
class Event:
    """`members` are those of the Event resource. Occurrences that differ are in `changed`, by id."""

    home: str
    """The organizer's calendar."""
    members: dict[str, Any]
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    removed_by: set[str] = field(default_factory=set)
    """Calendars of guests that threw their copy away."""

    def on(self, calendar: str) -> bool:
        guests = {each["email"] for each in self.members.get("attendees", ())}
        return calendar == self.home or (calendar in guests and calendar not in self.removed_by)


@dataclass(frozen=True, slots=True)
class Found:
    """An event or one occurrence of a series."""

    event: Event
    members: dict[str, Any]
    begins: datetime
    ends: datetime


class Calendars:
    def __init__(self, seed: Mapping[str, Any]) -> None:
        """Raises ValueError for what the seed describes wrongly."""
        self.calendars: dict[str, Calendar] = {}
        self.events: dict[str, Event] = {}
        self.invitations: list[dict[str, Any]] = []
        """E-mails that Google would have sent."""
        try:
            for entry in seed.get("calendars") or ():
                self.calendars[entry["id"]] = Calendar(**entry)
            for entry in seed.get("events") or ():
                self._seed(dict(entry))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"seed: {error} in {entry!r}") from None

    def _seed(self, entry: dict[str, Any]) -> None:
        for number in range(1, int(entry.pop("count", 1)) + 1):
            filled = {name: each.format(n=number) if isinstance(each, str) else each for name, each in entry.items()}
            home = filled.pop("calendar")
            organizer = {"email": self.calendars[home].owner if home == self.calendars[home].owner else home}
            since = stamp(datetime(2026, 9, 1, tzinfo=UTC))
            defaults = {"status": "confirmed", "created": since, "updated": since, "eventType": "default"}
            members = {"creator": organizer, "organizer": organizer, **defaults, **filled}
            self.events[filled["id"]] = Event(home, members)

    def calendar(self, calendar_id: str, email: str, least: str) -> Calendar:
        """Raises RefusalError: 404 when it is not visible, 403 when the person may do less than `least` there."""
        calendar = self.calendars.get(email if calendar_id == "primary" else calendar_id)
        role = calendar.role(email) if calendar is not None else "none"
        if calendar is None or role == "none":
            raise refused(404, "notFound", "Not Found")
        if ROLES.index(role) < ROLES.index(least):
            raise refused(403, "requiredAccessLevel", f"You need to have {least} access to this calendar.")
        return calendar

    def on(self, calendar: Calendar) -> Iterator[Event]:
        return (each for each in list(self.events.values()) if each.on(calendar.id))

    def find(self, calendar: Calendar, event_id: str) -> Found:
        """An event or an occurrence, cancelled ones included. Raises RefusalError 404."""
        event = self.events.get(event_id)
        if event is not None and event.on(calendar.id):
            return self.single(event, calendar)
        series = self.events.get(event_id.rpartition("_")[0])
        if series is not None and series.on(calendar.id) and series.members.get("recurrence"):
            for each in self.expanded(series, calendar, cancelled=True):
                if each.members["id"] == event_id:
                    return each
        raise refused(404, "notFound", "Not Found")

    def single(self, event: Event, calendar: Calendar, members: dict[str, Any] | None = None) -> Found:
        members = event.members if members is None else members
        begins = point(members["start"], "start", calendar.time_zone)
        return Found(event, members, begins, point(members["end"], "end", calendar.time_zone))

    def expanded(self, event: Event, calendar: Calendar, *, cancelled: bool = False) -> Iterable[Found]:
        """The occurrences of a series, or the event itself."""
        if not event.members.get("recurrence"):
            yield self.single(event, calendar)
            return
        first = self.single(event, calendar)
        whole_day = "date" in event.members["start"]
        for begins in occurrences(event.members["recurrence"], first.begins):
            occurrence_id = f"{event.members['id']}_{name_of(begins, whole_day=whole_day)}"
            changed = event.changed.get(occurrence_id)
            found = (
                self.single(event, calendar, changed)
                if changed is not None
                else Found(
                    event, _occurrence(first, begins, occurrence_id), begins, begins + (first.ends - first.begins)
                )
            )
            if cancelled or found.members["status"] != "cancelled":
                yield found


def _occurrence(series: Found, begins: datetime, occurrence_id: str) -> dict[str, Any]:
    members = {name: each for name, each in series.members.items() if name != "recurrence"}
    ends = begins + (series.ends - series.begins)
    start = _like(series.members["start"], begins)
    return {
        **members,
        "id": occurrence_id,
        "recurringEventId": series.members["id"],
        "originalStartTime": start,
        "start": start,
        "end": _like(series.members["end"], ends),
    }


def _like(written: Mapping[str, Any], when: datetime) -> dict[str, Any]:
    if "date" in written:
        return {"date": when.date().isoformat()}
    zone_name = {"timeZone": written["timeZone"]} if "timeZone" in written else {}
    return {"dateTime": when.isoformat(timespec="seconds"), **zone_name}
