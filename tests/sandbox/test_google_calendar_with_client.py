"""google-api-python-client reads and changes calendars in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from google_client import google, reason

DAY = {"timeMin": "2026-12-01T00:00:00+01:00", "timeMax": "2026-12-02T00:00:00+01:00"}
ONE_DAY = {"start": {"date": "2026-12-03"}, "end": {"date": "2026-12-04"}}


@pytest.fixture
def calendar(sandbox: Any) -> Iterator[Any]:
    with google(sandbox.url, "calendar", "v3", sandbox.token("google-calendar")) as service:
        yield service


@pytest.fixture
def reading(unchanged: Any) -> Iterator[Any]:
    with google(unchanged.url, "calendar", "v3", unchanged.token("google-calendar")) as service:
        yield service


@pytest.fixture
def bob(sandbox: Any) -> Iterator[Any]:
    with google(sandbox.url, "calendar", "v3", sandbox.token("google-calendar", "user_bob")) as service:
        yield service


def titles(service: Any, calendar_id: str = "primary", **more: Any) -> list[str]:
    answer = service.events().list(calendarId=calendar_id, singleEvents=True, orderBy="startTime", **more).execute()
    return [each["summary"] for each in answer["items"]]


def test_the_client_pointed_straight_at_the_sandbox_lists_calendars(unchanged: Any) -> None:
    options = {"api_endpoint": f"{unchanged.url}/calendar/v3/"}
    credentials = Credentials(token=unchanged.token("google-calendar"))
    with build("calendar", "v3", credentials=credentials, client_options=options, static_discovery=True) as service:
        listed = service.calendarList().list().execute()["items"]
    assert {each["id"]: each["accessRole"] for each in listed} == {
        "alice@acme.example": "owner",
        "c_sales@group.calendar.google.com": "owner",
        "en.ch#holiday@group.v.calendar.google.com": "reader",
    }
    assert [each["id"] for each in listed if each.get("primary")] == ["alice@acme.example"]


def test_a_day_holds_single_events_and_occurrences_in_order(reading: Any) -> None:
    assert titles(reading, **DAY) == ["Stand-up", "Q4 planning"]
    assert titles(reading, "en.ch#holiday@group.v.calendar.google.com", timeMin="2026-12-01T00:00:00Z") == [
        "Christmas Day"
    ]


def test_words_are_found_in_titles_texts_and_people(reading: Any) -> None:
    assert titles(reading, q="third quarter", **DAY) == ["Q4 planning"]
    assert titles(reading, q="carol", timeMin="2026-12-01T00:00:00Z") == ["Review of the renewal"]
    assert titles(reading, q="nothing at all") == []


def test_a_series_is_one_event_until_it_is_expanded(reading: Any) -> None:
    (series,) = reading.events().list(calendarId="primary", q="stand-up", **DAY).execute()["items"]
    (single,) = reading.events().list(calendarId="primary", q="stand-up", singleEvents=True, **DAY).execute()["items"]
    assert series["recurrence"] == ["RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"]
    assert (single["id"], single["recurringEventId"]) == ("standup0_20261201T080000Z", "standup0")
    assert single["start"] == {"dateTime": "2026-12-01T09:00:00+01:00", "timeZone": "Europe/Zurich"}


def test_pages_follow_each_other(reading: Any) -> None:
    events, found = reading.events(), []
    request = events.list(calendarId="c_sales@group.calendar.google.com", maxResults=50)
    while request is not None:
        answer = request.execute()
        found += [each["id"] for each in answer["items"]]
        request = events.list_next(request, answer)
    assert len(found) == len(set(found)) == 130
    with pytest.raises(HttpError) as refusal:
        events.list(calendarId="primary", pageToken="made-up").execute()
    assert reason(refusal) == (400, "invalid")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"orderBy": "startTime"}, (400, "badRequest")),
        ({"timeMin": "2026-12-01T00:00:00"}, (400, "badRequest")),
        ({"timeMin": DAY["timeMax"], "timeMax": DAY["timeMin"]}, (400, "timeRangeEmpty")),
        ({"timeZone": "Middle/Earth"}, (400, "invalid")),
    ],
)
def test_what_google_would_refuse_is_refused(reading: Any, more: dict[str, Any], expected: tuple[int, str]) -> None:
    with pytest.raises(HttpError) as refusal:
        reading.events().list(calendarId="primary", **more).execute()
    assert reason(refusal) == expected


def test_a_colleague_is_seen_to_be_busy_but_not_with_what(reading: Any) -> None:
    body = {"timeMin": DAY["timeMin"], "timeMax": DAY["timeMax"], "timeZone": "Europe/Zurich"}
    asked = ["primary", "bob@acme.example", "carol@elsewhere.example"]
    answer = reading.freebusy().query(body={**body, "items": [{"id": each} for each in asked]}).execute()
    assert answer["calendars"]["bob@acme.example"]["busy"] == [
        {"start": "2026-12-01T10:00:00+01:00", "end": "2026-12-01T12:00:00+01:00"}
    ]
    assert answer["calendars"]["carol@elsewhere.example"]["errors"][0]["reason"] == "notFound"
    events = reading.events().list(calendarId="bob@acme.example", **DAY).execute()["items"]
    assert {each.get("summary") for each in events} == {None}


def test_an_event_is_made_changed_and_deleted(calendar: Any) -> None:
    body = {
        "id": "0123456789abcdef",
        "summary": "Call",
        "start": {"dateTime": "2026-12-01T15:00:00+01:00"},
        "end": {"dateTime": "2026-12-01T15:30:00+01:00"},
        "conferenceData": {"createRequest": {"requestId": "r1", "conferenceSolutionKey": {"type": "hangoutsMeet"}}},
    }
    events = calendar.events()
    made = events.insert(calendarId="primary", body=body, conferenceDataVersion=1).execute()
    assert made["hangoutLink"].startswith("https://meet.google.com/")
    with pytest.raises(HttpError) as refusal:
        events.insert(calendarId="primary", body=body).execute()
    assert reason(refusal) == (409, "duplicate")
    where = {"calendarId": "primary", "eventId": made["id"]}
    day = {"start": {"date": "2026-12-03", "dateTime": None}, "end": {"date": "2026-12-04", "dateTime": None}}
    changed = events.patch(**where, body=day).execute()
    assert (changed["summary"], changed["start"]) == ("Call", {"date": "2026-12-03"})
    events.delete(**where).execute()
    assert events.get(**where).execute()["status"] == "cancelled"
    with pytest.raises(HttpError) as refusal:
        events.delete(**where).execute()
    assert reason(refusal) == (410, "deleted")
    assert "Call" not in titles(calendar)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"start": {"date": "2026-12-03"}}, "required"),
        ({"start": {"date": "2026-12-03"}, "end": {"date": "2026-12-02"}}, "timeRangeEmpty"),
        (
            {"start": {"date": "2026-12-03", "dateTime": "2026-12-03T10:00:00Z"}, "end": {"date": "2026-12-04"}},
            "invalid",
        ),
        ({**ONE_DAY, "id": "UPPER"}, "invalid"),
        ({**ONE_DAY, "attendees": [{"email": "bob"}]}, "invalid"),
        (
            {**ONE_DAY, "recurrence": ["RRULE:FREQ=NEVER"]},
            "invalid",
        ),
        (
            {
                "start": {"dateTime": "2026-12-03T10:00:00Z"},
                "end": {"dateTime": "2026-12-03T11:00:00Z"},
                "recurrence": ["RRULE:FREQ=DAILY"],
            },
            "required",
        ),
    ],
)
def test_an_event_that_cannot_be_is_refused(calendar: Any, body: dict[str, Any], expected: str) -> None:
    with pytest.raises(HttpError) as refusal:
        calendar.events().insert(calendarId="primary", body=body).execute()
    assert reason(refusal) == (400, expected)


def test_an_occurrence_is_changed_and_left_out_by_itself(calendar: Any) -> None:
    events = calendar.events()
    events.patch(calendarId="primary", eventId="standup0_20261201T080000Z", body={"summary": "Late stand-up"}).execute()
    events.delete(calendarId="primary", eventId="standup0_20261202T080000Z").execute()
    week = {"timeMin": "2026-11-30T00:00:00Z", "timeMax": "2026-12-04T00:00:00Z", "q": "stand-up"}
    assert titles(calendar, **week) == ["Stand-up", "Late stand-up", "Stand-up"]


def test_a_guest_may_answer_and_no_more(calendar: Any, sandbox: Any) -> None:
    events = calendar.events()
    where = {"calendarId": "primary", "eventId": "review0"}
    (me,) = events.get(**where, maxAttendees=1).execute()["attendees"]
    assert me == {"email": "alice@acme.example", "responseStatus": "needsAction", "self": True}
    answer = {"attendeesOmitted": True, "attendees": [{"email": me["email"], "responseStatus": "accepted"}]}
    changed = events.patch(**where, body=answer, sendUpdates="all").execute()
    assert {each["email"]: each["responseStatus"] for each in changed["attendees"]} == {
        "alice@acme.example": "accepted",
        "bob@acme.example": "accepted",
        "carol@elsewhere.example": "accepted",
    }
    for body in ({"summary": "mine"}, {"attendees": []}):
        with pytest.raises(HttpError) as refusal:
            events.patch(**where, body=body).execute()
        assert reason(refusal) == (403, "forbiddenForNonOrganizer")


def test_invitations_go_to_whom_they_are_meant_for(calendar: Any, bob: Any, sandbox: Any) -> None:
    body = {
        "summary": "Lunch",
        "start": {"dateTime": "2026-12-01T12:00:00+01:00"},
        "end": {"dateTime": "2026-12-01T13:00:00+01:00"},
        "attendees": [{"email": "bob@acme.example"}, {"email": "dan@else.example"}],
    }
    calendar.events().insert(calendarId="primary", body=body, sendUpdates="externalOnly").execute()
    notified = sandbox.admin("GET", "/state")["google_calendar"]["notified"]
    assert [each["to"] for each in notified] == [["dan@else.example"]]
    assert "Lunch" in titles(bob, **DAY)


def test_scopes_and_roles_are_held_to(bob: Any) -> None:
    for request in (bob.calendarList().list(), bob.events().insert(calendarId="primary", body=ONE_DAY)):
        with pytest.raises(HttpError) as refusal:
            request.execute()
        assert reason(refusal) == (403, "insufficientPermissions")
        assert "insufficient_scope" in refusal.value.resp["www-authenticate"]


def test_a_reader_of_a_calendar_cannot_write_there(bob: Any, sandbox: Any) -> None:
    scopes = ["https://www.googleapis.com/auth/calendar"]
    sandbox.admin("PATCH", "/accounts/data_installation_calendar_bob", {"scopes": scopes})
    with google(sandbox.url, "calendar", "v3", sandbox.token("google-calendar", "user_bob")) as service:
        for calendar_id, expected in (
            ("c_sales@group.calendar.google.com", (403, "requiredAccessLevel")),
            ("carol@elsewhere.example", (404, "notFound")),
        ):
            with pytest.raises(HttpError) as refusal:
                service.events().insert(calendarId=calendar_id, body=ONE_DAY).execute()
            assert reason(refusal) == expected


def test_a_dead_token_is_unauthenticated(sandbox: Any) -> None:
    for dead in ("made-up", sandbox.token("google-drive")):
        answer = sandbox.provider("google-calendar", "GET", "/calendar/v3/calendars/primary/events", token=dead)
        assert (answer.status, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")
