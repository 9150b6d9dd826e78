"""Google Calendar's tools against the sandbox."""

from typing import Any

import pytest

from data_files import lines
from egress_support import World, data, told
from pipes_api.reasons import Reason

pytestmark = pytest.mark.asyncio(loop_scope="module")

SALES = "c_sales@group.calendar.google.com"
HOLIDAYS = "en.ch#holiday@group.v.calendar.google.com"
FIRST = {"timeMin": "2026-12-01T00:00:00+01:00", "timeMax": "2026-12-02T00:00:00+01:00"}


async def called(world: World, tool: str, **arguments: Any) -> Any:
    return data(await world.call("google-calendar", tool, arguments))


async def rows(world: World, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await called(world, tool, **arguments))["rows"]
    return found


async def test_calendars_are_listed_with_what_may_be_done_there(world: World) -> None:
    every = await rows(world, "list_calendars")
    own = await rows(world, "list_calendars", minAccessRole="owner")

    assert [(each["id"], each["accessRole"]) for each in every] == [
        ("alice@acme.example", "owner"),
        (SALES, "owner"),
        (HOLIDAYS, "reader"),
    ]
    assert [each["id"] for each in own] == ["alice@acme.example", SALES]
    assert set(own[1]) == {"id", "summary", "description", "accessRole", "timeZone"}


async def test_events_come_in_order_and_small(world: World) -> None:
    found = await rows(world, "list_events", **FIRST)
    searched = await rows(world, "list_events", timeMin="2026-01-01T00:00:00Z", query="carol renewal")

    assert [each["summary"] for each in found] == ["Stand-up", "Q4 planning"]
    assert found[0]["recurringEventId"] == "standup0"
    assert found[1]["organizer"] == {"email": "alice@acme.example"}
    assert "description" not in found[1]
    assert [each["id"] for each in searched] == ["review0"]


async def test_a_calendar_whose_id_is_no_plain_word_is_reached(world: World) -> None:
    (christmas,) = await rows(world, "list_events", calendarId=HOLIDAYS, timeMin="2026-12-01T00:00:00Z")

    assert (christmas["summary"], christmas["start"]) == ("Christmas Day", {"date": "2026-12-25"})


async def test_a_long_list_is_paged_and_cut_where_it_is_asked_to(world: World) -> None:
    where = {"calendarId": SALES, "timeMin": "2026-11-01T00:00:00Z"}
    every = await world.call("google-calendar", "list_events", {**where, "maxRows": 1000})
    some = await world.call("google-calendar", "list_events", {**where, "maxRows": 110})

    assert len({each["id"] for each in data(every)["rows"]}) == 130
    assert "there are more" not in told(every)
    assert len(data(some)["rows"]) == 110
    assert "Cut after 110 rows; there are more. Go on with timeMin" in told(some)
    assert len(await world.sandbox.calls(service="google-calendar")) == 4


async def test_an_event_is_read_with_what_lists_leave_out(world: World) -> None:
    event = await called(world, "get_event", eventId="q4planning0", timeZone="America/New_York")

    assert event["description"] == "Bring the numbers of the <b>third quarter</b>."
    assert event["start"]["dateTime"] == "2026-12-01T04:00:00-05:00"
    assert [each["email"] for each in event["attendees"]] == ["alice@acme.example", "bob@acme.example"]
    assert not {"etag", "kind", "iCalUID"} & event.keys()


async def test_people_are_free_where_they_are_not_busy(world: World) -> None:
    asked = {"calendarIds": ["primary", "bob@acme.example", "carol@elsewhere.example"], "timeZone": "Europe/Zurich"}
    calendars = (await called(world, "free_busy", **asked, **FIRST))["calendars"]

    assert calendars["bob@acme.example"]["busy"] == [
        {"start": "2026-12-01T10:00:00+01:00", "end": "2026-12-01T12:00:00+01:00"}
    ]
    assert [each["reason"] for each in calendars["carol@elsewhere.example"]["errors"]] == ["notFound"]


async def test_a_meeting_is_made_moved_and_deleted(world: World) -> None:
    made = await called(
        world,
        "create_event",
        summary="Pricing",
        start="2026-12-08T10:00:00+01:00",
        end="2026-12-08T11:00:00+01:00",
        attendees=[{"email": "bob@acme.example"}, {"email": "dan@else.example", "optional": True}],
        meet=True,
        notify="all",
    )
    day = await called(world, "update_event", eventId=made["id"], start="2026-12-09", end="2026-12-10")
    back = await called(
        world, "update_event", eventId=made["id"], start="2026-12-09T10:00:00Z", end="2026-12-09T11:00:00Z"
    )
    renamed = await called(world, "update_event", eventId=made["id"], summary="Prices", location="Here")
    gone = await world.call("google-calendar", "delete_event", {"eventId": made["id"]})
    again = await world.call("google-calendar", "delete_event", {"eventId": made["id"]})

    assert made["hangoutLink"].startswith("https://meet.google.com/")
    assert [each["email"] for each in made["attendees"]] == ["bob@acme.example", "dan@else.example"]
    assert day["start"] == {"date": "2026-12-09"}
    assert back["start"]["dateTime"] == "2026-12-09T11:00:00+01:00"
    assert (renamed["summary"], renamed["start"]) == ("Prices", back["start"])
    assert f"The event {made['id']} was deleted." in told(gone)
    assert "The event was deleted" in told(again)
    assert again.is_error


async def test_a_series_is_made_of_its_rule(world: World) -> None:
    when = {"start": "2027-01-04T09:00:00+01:00", "end": "2027-01-04T09:30:00+01:00", "timeZone": "Europe/Zurich"}
    weekly = {"recurrence": ["RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4"], "calendarId": SALES}
    await called(world, "create_event", summary="Weekly", **when, **weekly)
    found = await rows(world, "list_events", calendarId=SALES, timeMin="2027-01-01T00:00:00Z", query="weekly")

    assert [each["start"]["dateTime"][:10] for each in found] == [
        "2027-01-04",
        "2027-01-06",
        "2027-01-11",
        "2027-01-13",
    ]


async def test_a_write_whose_answer_was_lost_is_made_once(world: World) -> None:
    await world.sandbox.fault(
        match={"service": "google-calendar", "method": "POST"}, stage="after", times=1, status=503
    )
    when = {"start": "2026-12-10", "end": "2026-12-11"}
    result = await world.call("google-calendar", "create_event", {"summary": "Once only", **when})
    found = await rows(world, "list_events", timeMin="2026-12-10T00:00:00+01:00", query="once only")

    assert "An earlier attempt of this call has created the event" in told(result)
    assert len(found) == 1


async def test_an_invitation_is_answered_for_the_account_itself(world: World) -> None:
    answered = await world.call("google-calendar", "respond_to_event", {"eventId": "review0", "response": "declined"})
    event = await called(world, "get_event", eventId="review0")
    own = await world.call("google-calendar", "respond_to_event", {"eventId": "standup0", "response": "accepted"})

    assert "Answered: declined." in told(answered)
    assert {each["email"]: each["responseStatus"] for each in event["attendees"]} == {
        "bob@acme.example": "accepted",
        "alice@acme.example": "declined",
        "carol@elsewhere.example": "accepted",
    }
    assert own.is_error
    assert "is not invited to this event" in told(own)


async def test_a_guest_cannot_change_the_event(world: World) -> None:
    result = await world.call("google-calendar", "update_event", {"eventId": "review0", "summary": "Mine"})

    assert result.is_error
    assert "Use respond_to_event" in told(result)


async def test_what_is_not_visible_is_told_as_that(world: World) -> None:
    result = await world.call(
        "google-calendar", "list_events", {"calendarId": "carol@elsewhere.example", "timeMin": FIRST["timeMin"]}
    )

    assert result.is_error
    assert "not found in Google Calendar, or not visible to this connection" in told(result)


async def test_a_write_without_its_scope_is_refused_before_it_is_sent(world: World) -> None:
    readonly = "https://www.googleapis.com/auth/calendar.events.readonly"
    await world.sandbox.change_account("data_installation_calendar_alice", scopes=[readonly])
    refused = await world.call("google-calendar", "delete_event", {"eventId": "q4planning0"})
    read = await world.call("google-calendar", "get_event", {"eventId": "q4planning0"})
    calls = await world.sandbox.calls(service="google-calendar")
    full = "https://www.googleapis.com/auth/calendar"
    await world.sandbox.change_account("data_installation_calendar_alice", scopes=[full])

    assert refused.denial is not None
    assert refused.denial.reason is Reason.SCOPE_MISSING
    assert "auth/calendar.events" in refused.denial.message
    assert not read.is_error
    assert [call["method"] for call in calls] == ["GET"]


async def test_a_scope_that_google_misses_is_named(world: World) -> None:
    challenge = 'Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="a.b/calendar"'
    error = {"code": 403, "message": "Insufficient", "errors": [{"reason": "insufficientPermissions"}]}
    await world.sandbox.fault(
        match={"service": "google-calendar"}, status=403, headers={"WWW-Authenticate": challenge}, body={"error": error}
    )
    result = await world.call("google-calendar", "get_event", {"eventId": "q4planning0"})

    assert result.is_error
    assert "a.b/calendar" in told(result)
    assert "insufficient_scope" not in told(result)


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
async def test_ids_stay_inside_their_segment(world: World, value: str) -> None:
    for hostile in ({"eventId": value}, {"eventId": "q4planning0", "calendarId": value}):
        await world.call("google-calendar", "get_event", hostile)

    for call in await world.sandbox.calls(service="google-calendar"):
        assert call["path"].startswith("/calendar/v3/calendars/")
        assert call["path"].count("/") == 6
        assert "q4planning0" in call["path"]


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_events", {"timeMin": "2026-12-01"}),
        ("list_events", {"timeMin": "2026-12-01T00:00:00"}),
        ("free_busy", {"calendarIds": [], **FIRST}),
        ("create_event", {"summary": "x", "start": "2026-12-01T10:00:00", "end": "2026-12-01T11:00:00"}),
        ("create_event", {"summary": "x", "start": "2026-12-01", "end": "2026-12-02", "attendees": [{"email": "bob"}]}),
        ("create_event", {"summary": "x", "start": "2026-12-01", "end": "2026-12-02", "recurrence": ["DTSTART:1"]}),
        ("update_event", {"eventId": "q4planning0"}),
        ("respond_to_event", {"eventId": "q4planning0", "response": "needsAction"}),
    ],
)
async def test_what_google_would_refuse_is_not_sent(world: World, tool: str, arguments: dict[str, Any]) -> None:
    result = await world.call("google-calendar", tool, arguments)

    assert result.is_error
    assert await world.sandbox.calls(service="google-calendar") == []
