"""Which session a call runs under, and which binding a tool's name means."""

import datetime as dt

import msgspec

from live import things
from pipes_api.messages import SessionView
from pipes_api.resources import Agent, RequestedBinding
from pipes_api.states import SessionState
from pipes_policy.selection import binding_of, choose

LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


def chosen(sessions: list[SessionView], binding: str) -> SessionView | None:
    return choose(sessions, things.binding(binding)).session


def pending(uid: str) -> SessionView:
    return msgspec.structs.replace(
        things.session(uid=uid), state=SessionState.AWAITING_APPROVAL, live=False, grant=None, activated_at=None
    )


def test_a_live_session_goes_before_one_that_waits_and_one_that_is_over() -> None:
    live, ended = things.session(uid="live"), things.over(things.session(uid="over"), SessionState.EXPIRED)
    assert chosen([ended, pending("p"), live], "snowflake") is live
    waiting = pending("p")
    assert chosen([ended, waiting], "snowflake") is waiting
    assert chosen([ended], "snowflake") is ended
    assert chosen([ended], "salesforce") is None


def test_the_newest_live_session_counts_alone() -> None:
    """Grants are never united: a newer, narrower one hides an older, wider one."""
    old = things.session(things.granted(), things.granted("salesforce"), uid="old")
    new = msgspec.structs.replace(things.session(uid="new"), activated_at=LATER)
    assert chosen([old, new], "snowflake") is new
    assert chosen([old, new], "salesforce") is old


def test_a_pods_own_session_goes_before_a_newer_shared_one() -> None:
    shared = msgspec.structs.replace(
        things.session(uid="s"), agent=Agent(service_account_name="analyst", shared=True), activated_at=LATER
    )
    own = things.session(uid="own")
    assert chosen([shared, own], "snowflake") is own


def test_active_but_not_live_counts_as_over() -> None:
    gone = msgspec.structs.replace(things.session(uid="gone"), live=False)
    waiting = pending("p")
    assert chosen([gone, waiting], "snowflake") is waiting


def test_a_narrowed_grant_covers_only_what_was_approved() -> None:
    asked = (RequestedBinding(name="snowflake"), RequestedBinding(name="salesforce"))
    narrowed = msgspec.structs.replace(things.session(), requested=asked)
    assert chosen([narrowed], "salesforce") is None


def test_the_binding_that_offers_the_tool_is_meant() -> None:
    short = msgspec.structs.replace(things.binding("google-drive"), name="google", tools={"google_files": "x"})
    long = things.binding("google-drive")
    assert binding_of("google_drive_search", [short, long]) is long
    assert binding_of("google_files", [short, long]) is short
    assert binding_of("google_drive_gone", [short, long]) is long
    assert binding_of("other", [short, long]) is None
