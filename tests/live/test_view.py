"""The live view: leases on the receiver's own clock, counted from before the question; what replaces what."""

import datetime as dt

import msgspec
import pytest

from live import things
from live.session_service import IDENTITY, ISSUER, SigningKey
from pipes_api import messages
from pipes_api.messages import Heartbeat, Lease, Leases, SessionChanged, SessionGone, Snapshot
from pipes_api.states import SessionState
from pipes_live.view import ChangeKind, LiveView, ProtocolMismatch, ViewChange

OPERATOR_CLOCK = 5_000.0
"""What the operator's clock shows in the snapshot; this machine's clock has nothing to do with it."""


def snapshot(**fields: object) -> Snapshot:
    given: dict[str, object] = {
        "protocol": messages.PROTOCOL,
        "clock": OPERATOR_CLOCK,
        "now": dt.datetime.now(dt.UTC),
        "issuer": ISSUER,
        "you": IDENTITY,
        "bindings": (things.binding(),),
        "sessions": (things.session(),),
        "leases": (Lease(uid="session-1", until=OPERATOR_CLOCK + 60, token="t"),),
        "definitions": things.definitions(),
        "jwks": {"keys": [SigningKey().jwk]},
    }
    return Snapshot(**{**given, **fields})  # type: ignore[arg-type]


def view_at(asked_at: float, **fields: object) -> LiveView:
    view = LiveView(clock=lambda: asked_at + 30)
    view.apply(snapshot(**fields), asked_at)
    return view


def test_a_lease_is_counted_from_before_the_request_not_from_the_arrival() -> None:
    """The snapshot came 30 s after it was asked for; the lease is 60 s from the asking all the same."""
    assert view_at(100.0).lease_until("session-1") == 160.0


def test_a_renewed_lease_is_read_against_the_same_moment() -> None:
    view = view_at(100.0)
    view.apply(Leases(leases=(Lease(uid="session-1", until=OPERATOR_CLOCK + 90, token="t2"),)), 100.0)
    assert view.lease_until("session-1") == 190.0
    assert view.token("session-1") == "t2"


def test_a_new_snapshot_of_another_operator_brings_its_own_clock() -> None:
    view = view_at(100.0)
    view.apply(snapshot(clock=7.0, leases=(Lease(uid="session-1", until=67.0, token="t"),)), 200.0)
    assert view.lease_until("session-1") == 260.0


def test_a_lost_stream_changes_no_lease() -> None:
    view = view_at(100.0)
    view.stream_is(connected=True)
    view.stream_is(connected=False)
    assert view.synchronized
    assert not view.connected
    assert view.lease_until("session-1") == 160.0


def test_a_session_without_a_lease_has_none() -> None:
    view = view_at(100.0, leases=())
    assert view.lease_until("session-1") is None
    assert view.token("session-1") is None


def test_a_change_of_a_live_session_keeps_its_lease_and_an_end_takes_it() -> None:
    view = view_at(100.0)
    view.apply(SessionChanged(session=things.session()), 100.0)
    assert view.lease_until("session-1") == 160.0
    view.apply(SessionChanged(session=things.over(things.session(), SessionState.REVOKED)), 100.0)
    assert view.lease_until("session-1") is None
    assert view.token("session-1") is None


def test_the_broker_has_one_lease_for_all_it_is_shown() -> None:
    broker = messages.Identity(role="broker", namespace="pipes-system", service_account="broker")
    view = view_at(100.0, you=broker, leases=(), view_until=OPERATOR_CLOCK + 60)
    assert view.lease_until("session-1") == 160.0
    assert view.lease_until("unknown") is None
    view.apply(Heartbeat(clock=OPERATOR_CLOCK + 5, now=dt.datetime.now(dt.UTC), view_until=OPERATOR_CLOCK + 65), 100.0)
    assert view.lease_until("session-1") == 165.0
    view.apply(Heartbeat(clock=OPERATOR_CLOCK + 10, now=dt.datetime.now(dt.UTC)), 100.0)
    assert view.lease_until("session-1") == 165.0, "a heartbeat without proof renews nothing"


def test_a_live_session_that_vanishes_was_deleted_and_one_that_was_over_is_forgotten() -> None:
    view = view_at(100.0, sessions=(things.session(), things.over(things.session(uid="old"), SessionState.EXPIRED)))
    view.apply(SessionGone(uid="session-1"), 100.0)
    view.apply(SessionGone(uid="old"), 100.0)
    gone = view.session("session-1")
    assert gone is not None
    assert (gone.state, gone.live, gone.message) == (SessionState.REVOKED, False, "deleted")
    assert view.session("old") is None
    assert view.lease_until("session-1") is None


def test_a_session_that_was_deleted_while_the_stream_was_down_is_told_as_deleted() -> None:
    view = view_at(100.0)
    view.apply(snapshot(sessions=(), leases=()), 200.0)
    gone = view.session("session-1")
    assert gone is not None
    assert gone.message == "deleted"
    view.apply(snapshot(sessions=(), leases=()), 300.0)
    assert view.session("session-1") is not None, "it stays told after the next reconnect"


def test_what_is_remembered_of_deleted_sessions_is_bounded() -> None:
    view = view_at(100.0)
    for number in range(50):
        session = things.session(uid=f"s{number}")
        view.apply(SessionChanged(session=session), 100.0)
        view.apply(SessionGone(uid=session.uid), 100.0)
    assert len(list(view.sessions())) <= 21


def test_a_binding_made_anew_is_not_dropped_by_the_end_of_the_old_one() -> None:
    view = view_at(100.0)
    view.apply(messages.BindingChanged(binding=things.binding(uid="new")), 100.0)
    view.apply(messages.BindingGone(namespace="team-a", name="snowflake", uid="uid-snowflake"), 100.0)
    found = view.binding("team-a", "snowflake")
    assert found is not None
    assert found.uid == "new"
    view.apply(messages.BindingGone(namespace="team-a", name="snowflake", uid="new"), 100.0)
    assert view.binding("team-a", "snowflake") is None


def test_a_definition_under_a_wrong_hash_is_left_out_and_the_others_stay() -> None:
    definitions = things.definitions()
    forged = dict(definitions)
    forged[things.QUERY.hash] = definitions[things.CREATE.hash]
    view = view_at(100.0, definitions=forged)
    assert view.definition(things.QUERY.hash) is None
    assert view.definition(things.CREATE.hash) == things.CREATE


def test_another_protocol_is_refused_and_changes_nothing() -> None:
    view = view_at(100.0)
    with pytest.raises(ProtocolMismatch, match="protocol 9"):
        view.apply(snapshot(protocol=9, sessions=()), 200.0)
    assert view.session("session-1") is not None


def test_callbacks_hear_of_each_change_before_the_next() -> None:
    view = LiveView()
    heard: list[ViewChange] = []
    view.on_change(heard.append)
    view.apply(snapshot(), 0.0)
    view.apply(SessionChanged(session=msgspec.structs.replace(things.session(), live=False)), 0.0)
    view.apply(messages.BindingChanged(binding=things.binding()), 0.0)
    assert [each.kind for each in heard] == [ChangeKind.SNAPSHOT, ChangeKind.SESSION, ChangeKind.BINDING]
    assert heard[1].uid == "session-1"
