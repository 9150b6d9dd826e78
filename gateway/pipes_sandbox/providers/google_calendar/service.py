"""Google Calendar v3 at `www.googleapis.com`: routes, and who may do what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError, flag
from pipes_sandbox.google import pages
from pipes_sandbox.google.callers import Callers
from pipes_sandbox.google.errors import refused
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import TokenBook

from . import changes, shapes
from .model import ROLES, Calendar, Calendars, Event, Found
from .times import moment, stamp, zone

_LIST = ("calendar", "calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly")
_READ = ("calendar", "calendar.readonly", "calendar.events", "calendar.events.readonly")
_WRITE = ("calendar", "calendar.events")
_BUSY = ("calendar", "calendar.readonly", "calendar.freebusy", "calendar.events.freebusy")
_NOTIFY = ("all", "externalOnly", "none")
_FOREVER = timedelta(days=730)


class CalendarService(Service):
    name = "google-calendar"
    prefixes = ("/calendar/v3",)

    def __init__(self, tokens: TokenBook, environment: Environment, seed: Mapping[str, Any]) -> None:
        super().__init__()
        self._callers = Callers(
            tokens, environment, self.name, service="calendar-json.googleapis.com", package="calendar.v3"
        )
        self._calendars = Calendars(seed)
        add, events = self.router.add, "/calendar/v3/calendars/{calendar}/events"
        add("GET", "/calendar/v3/users/me/calendarList", self._list_calendars)
        add("POST", "/calendar/v3/freeBusy", self._free_busy)
        add("GET", events, self._list)
        add("POST", events, self._insert)
        add("GET", f"{events}/{{event}}", self._get)
        add("PATCH", f"{events}/{{event}}", self._patch)
        add("DELETE", f"{events}/{{event}}", self._delete)

    def serves(self, host: str) -> bool:
        return host == "www.googleapis.com"

    def authenticate(self, call: Call) -> None:
        self._callers.token(call)

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        return refused(404, "notFound", "Not Found")

    async def describe(self) -> dict[str, Any]:
        return {"events": len(self._calendars.events), "notified": self._calendars.invitations}

    async def _list_calendars(self, call: Call) -> web.Response:
        me = self._callers.of(call, _LIST, "CalendarList.List").email
        least = call.query("minAccessRole", "freeBusyReader")
        if least not in ROLES[1:]:
            raise refused(400, "invalidParameter", f"Invalid value for: {least}", location="minAccessRole")
        listed = [
            shapes.calendar(each, me)
            for each in self._calendars.calendars.values()
            if (me in (each.owner, *each.members, *each.listed)) and ROLES.index(each.role(me)) >= ROLES.index(least)
        ]
        return self._page(call, {"kind": "calendar#calendarList"}, listed, f"list|{me}|{least}", 100, 250)

    async def _list(self, call: Call) -> web.Response:
        me = self._callers.of(call, _READ, "Events.List").email
        calendar = self._calendars.calendar(call.parameters["calendar"], me, "freeBusyReader")
        single, order = flag(call.query("singleEvents")), call.query("orderBy")
        if order not in ("", "startTime", "updated"):
            raise refused(400, "invalidParameter", f"Invalid value for: {order}", location="orderBy")
        if order == "startTime" and not single:
            message = "The requested ordering is not available for the particular query."
            raise refused(400, "badRequest", message, location="orderBy")
        found = self._between(call, calendar, single)
        words = call.query("q").lower().split()
        found = [each for each in found if all(word in shapes.text_of(each.members) for word in words)]
        found.sort(key=lambda each: each.members["updated"] if order == "updated" else stamp(each.begins))
        zone_name = self._zone(call, calendar)
        role = calendar.role(me)
        rows = [shapes.event(each, calendar, me, role, zone_name, self._most(call)) for each in found]
        head = {
            "kind": "calendar#events",
            "summary": calendar.summary,
            "timeZone": zone_name,
            "accessRole": role,
        }
        mark = "|".join((calendar.id, order, *(call.query(name) for name in ("timeMin", "timeMax", "q"))))
        return self._page(call, head, rows, mark, 250, 2500)

    def _between(self, call: Call, calendar: Calendar, single: bool) -> list[Found]:
        after = moment(call.query("timeMin"), "timeMin") if call.query("timeMin") else None
        before = moment(call.query("timeMax"), "timeMax") if call.query("timeMax") else None
        if after is not None and before is not None and before <= after:
            raise refused(400, "timeRangeEmpty", "The requested time range is empty.", domain="calendar")
        end = before or max(after or datetime.now(UTC), datetime.now(UTC)) + _FOREVER
        found = []
        for event in self._calendars.on(calendar):
            if event.members["status"] == "cancelled":
                continue
            for each in self._calendars.expanded(event, calendar):
                if each.begins >= end:
                    break
                if after is None or each.ends > after:
                    found.append(each if single else self._calendars.single(event, calendar))
                    if not single:
                        break
        return found

    async def _get(self, call: Call) -> web.Response:
        me = self._callers.of(call, _READ, "Events.Get").email
        calendar = self._calendars.calendar(call.parameters["calendar"], me, "freeBusyReader")
        found = self._calendars.find(calendar, call.parameters["event"])
        return self._shown(call, found, calendar, me)

    async def _insert(self, call: Call) -> web.Response:
        me = self._callers.of(call, _WRITE, "Events.Insert").email
        calendar = self._calendars.calendar(call.parameters["calendar"], me, "writer")
        body = changes.body_of(call)
        event_id = changes.own_id(body)
        if event_id in self._calendars.events:
            raise refused(409, "duplicate", "The requested identifier already exists.")
        now = stamp(datetime.now(UTC))
        members = {
            "id": event_id,
            "status": "confirmed",
            "creator": {"email": me},
            "organizer": {"email": calendar.id},
            "created": now,
            "updated": now,
            "eventType": "default",
        }
        members = changes.laid_over(members, body, calendar.id)
        changes.checked(members, calendar)
        changes.with_conference(call, members, body)
        event = Event(calendar.id, members)
        self._calendars.events[event_id] = event
        self._tell(call, event, "invited")
        return self._shown(call, self._calendars.single(event, calendar), calendar, me)

    async def _patch(self, call: Call) -> web.Response:
        me = self._callers.of(call, _WRITE, "Events.Patch").email
        calendar = self._calendars.calendar(call.parameters["calendar"], me, "writer")
        found = self._found(calendar, call)
        event, body = found.event, changes.body_of(call)
        if calendar.id != event.home:
            changes.only_own_answer(body, event, calendar)
        members = changes.laid_over(found.members, body, event.home)
        changes.checked(members, calendar)
        changes.with_conference(call, members, body)
        members["updated"] = stamp(datetime.now(UTC))
        self._keep(event, members)
        self._tell(call, event, "changed")
        return self._shown(call, self._calendars.find(calendar, members["id"]), calendar, me)

    async def _delete(self, call: Call) -> web.Response:
        me = self._callers.of(call, _WRITE, "Events.Delete").email
        calendar = self._calendars.calendar(call.parameters["calendar"], me, "writer")
        found = self._found(calendar, call)
        if calendar.id != found.event.home:
            found.event.removed_by.add(calendar.id)
        else:
            self._keep(found.event, {**found.members, "status": "cancelled"})
        self._tell(call, found.event, "cancelled")
        return web.Response(status=204)

    def _found(self, calendar: Calendar, call: Call) -> Found:
        found = self._calendars.find(calendar, call.parameters["event"])
        if found.members["status"] == "cancelled":
            raise refused(410, "deleted", "Resource has been deleted")
        return found

    def _keep(self, event: Event, members: dict[str, Any]) -> None:
        if members["id"] == event.members["id"]:
            event.members = members
        else:
            event.changed[members["id"]] = members

    async def _free_busy(self, call: Call) -> web.Response:
        me = self._callers.of(call, _BUSY, "Freebusy.Query").email
        body = changes.body_of(call)
        after, before = (moment(str(body.get(name, "")), name) for name in ("timeMin", "timeMax"))
        if before <= after:
            raise refused(400, "timeRangeEmpty", "The requested time range is empty.", domain="calendar")
        zone_name = str(body.get("timeZone") or "UTC")
        zone(zone_name)
        asked = [each.get("id") for each in body.get("items") or () if isinstance(each, dict)]
        if len(asked) > 50:
            raise refused(400, "tooManyCalendarsRequested", "Too many calendars requested.", domain="calendar")
        answers = {str(each): self._busy(str(each), me, after, before, zone_name) for each in asked}
        head = {"kind": "calendar#freeBusy", "timeMin": stamp(after), "timeMax": stamp(before)}
        return web.json_response({**head, "calendars": answers})

    def _busy(self, calendar_id: str, me: str, after: datetime, before: datetime, zone_name: str) -> dict[str, Any]:
        try:
            calendar = self._calendars.calendar(calendar_id, me, "freeBusyReader")
        except RefusalError:
            return {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
        busy = []
        for event in self._calendars.on(calendar):
            for each in self._calendars.expanded(event, calendar):
                if each.begins >= before:
                    break
                if each.ends > after and shapes.takes_time(each.members, calendar):
                    busy.append((max(each.begins, after), min(each.ends, before)))
        return {"busy": shapes.merged(busy, zone_name)}

    def _tell(self, call: Call, event: Event, what: str) -> None:
        whom = call.query("sendUpdates", "none")
        if whom not in _NOTIFY:
            raise refused(400, "invalidParameter", f"Invalid value for: {whom}", location="sendUpdates")
        guests = [each["email"] for each in event.members.get("attendees", ()) if each["email"] != event.home]
        outside = [each for each in guests if each not in self._calendars.calendars]
        told = {"all": guests, "externalOnly": outside, "none": []}[whom]
        if told:
            self._calendars.invitations.append({"event": event.members["id"], "what": what, "to": told})

    def _shown(self, call: Call, found: Found, calendar: Calendar, me: str) -> web.Response:
        role, zone_name = calendar.role(me), self._zone(call, calendar)
        return web.json_response(shapes.event(found, calendar, me, role, zone_name, self._most(call)))

    def _zone(self, call: Call, calendar: Calendar) -> str:
        name = call.query("timeZone") or calendar.time_zone
        zone(name)
        return name

    def _most(self, call: Call) -> int:
        most = call.query("maxAttendees", "1000")
        if not most.isdigit() or int(most) < 1:
            raise refused(400, "invalidParameter", f"Invalid value for: {most}", location="maxAttendees")
        return int(most)

    def _page(
        self, call: Call, head: dict[str, Any], rows: list[dict[str, Any]], mark: str, usual: int, largest: int
    ) -> web.Response:
        size = call.query("maxResults", str(usual))
        if not size.isdigit() or int(size) < 1:
            message = f"Invalid value '{size}'. Values must be within the range: [1, 2147483647]"
            raise refused(400, "invalidParameter", message, location="maxResults")
        try:
            start = pages.offset_of(call.query("pageToken"), mark)
        except pages.WrongPageError:
            raise refused(400, "invalid", "Invalid page token value.", location="pageToken") from None
        end = start + min(int(size), largest)
        more = {"nextPageToken": pages.page_token(end, mark)} if end < len(rows) else {}
        return web.json_response({**head, **more, "items": rows[start:end]})
