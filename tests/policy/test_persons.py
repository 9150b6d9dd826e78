"""Sessions for a person: which one a call runs under, and that it never reaches another person's connection."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live import things
from pipes_api.messages import SessionView
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Connection, OnBehalfOf
from pipes_api.states import SessionState
from pipes_policy import chain
from pipes_policy.advertise import advertised
from pipes_policy.call import Call
from pipes_policy.selection import candidates, choose
from policy.facts import call, claims

BINDING = things.binding("google-drive", from_session=True, connected=False)


def session_for(user: str, uid: str = "", **fields: Any) -> SessionView:
    """A live session on behalf of that person."""
    connection = Connection(user_id=user, from_session=True)
    made = things.session(things.granted("google-drive", connection=connection), uid=uid or f"for-{user}", **fields)
    assert made.grant is not None
    return msgspec.structs.replace(
        made, grant=msgspec.structs.replace(made.grant, on_behalf_of=OnBehalfOf(user_id=user))
    )


ALICE, BOB = session_for("alice"), session_for("bob")


def drive(session: SessionView | None, **changes: Any) -> Call:
    given: dict[str, Any] = {
        "session": session,
        "claims": claims(session) if session is not None else None,
        "binding": BINDING,
        "tool": "google_drive_search",
        "definition": things.SEARCH,
    }
    return call(**{**given, **changes})


def chosen(sessions: list[SessionView], named: str = "") -> Call:
    choice = choose(sessions, BINDING, named)
    return drive(choice.session, named=named, ambiguous=choice.ambiguous)


def reason_of(one: Call) -> Reason | None:
    denial = chain.decide(one)
    return denial.reason if denial is not None else None


def test_of_several_one_must_be_named_and_the_names_are_told() -> None:
    denial = chain.decide(chosen([ALICE, BOB]))
    assert denial is not None
    assert denial.reason is Reason.SESSION_AMBIGUOUS
    assert "for-alice, for-bob" in denial.message
    assert "pipesmcp.io/session" in denial.remedy


def test_the_named_one_is_used_and_a_single_one_needs_no_name() -> None:
    for wanted in (ALICE, BOB):
        assert chosen([ALICE, BOB], wanted.name).session is wanted
        assert reason_of(chosen([ALICE, BOB], wanted.name)) is None
    ended = things.over(BOB, SessionState.EXPIRED)
    assert chosen([ALICE, ended]).session is ALICE
    assert reason_of(chosen([ALICE, ended])) is None
    assert reason_of(chosen([ALICE, ended], BOB.name)) is Reason.SESSION_EXPIRED


def test_a_name_that_is_not_the_callers_is_told_like_one_that_there_is_not() -> None:
    unknown = chain.decide(chosen([ALICE], "for-carol"))
    of_another = chain.decide(drive(ALICE, named="for-bob"))
    assert unknown is not None
    assert unknown == of_another
    assert unknown.reason is Reason.SESSION_REQUIRED
    assert "for-" not in unknown.message + unknown.remedy + unknown.session


@pytest.mark.parametrize(
    "connection",
    [
        Connection(user_id="bob", from_session=True),
        Connection(user_id="", from_session=True),
        Connection(user_id="bob"),
    ],
    ids=str,
)
def test_a_grant_whose_connection_is_not_the_persons_allows_nothing(connection: Connection) -> None:
    assert ALICE.grant is not None
    granted = msgspec.structs.replace(ALICE.grant.bindings[0], connection=connection)
    grant = msgspec.structs.replace(ALICE.grant, bindings=(granted,))
    assert reason_of(drive(msgspec.structs.replace(ALICE, grant=grant))) is Reason.NOT_GRANTED


def test_a_grant_that_names_no_person_allows_nothing() -> None:
    assert ALICE.grant is not None
    nobody = msgspec.structs.replace(ALICE.grant, on_behalf_of=None)
    assert reason_of(drive(msgspec.structs.replace(ALICE, grant=nobody))) is Reason.NOT_GRANTED


def test_the_organization_of_the_session_is_the_connections() -> None:
    assert ALICE.grant is not None
    person = OnBehalfOf(user_id="alice", organization_id="org_acme")
    grant = msgspec.structs.replace(ALICE.grant, on_behalf_of=person)
    assert reason_of(drive(msgspec.structs.replace(ALICE, grant=grant))) is Reason.NOT_GRANTED


def test_the_token_of_one_session_is_worth_nothing_in_anothers_name() -> None:
    assert reason_of(drive(BOB, claims=claims(ALICE), named=BOB.name)) is Reason.SESSION_REQUIRED


def test_the_list_is_the_union_and_names_the_sessions() -> None:
    def listed(*sessions: SessionView) -> Any:
        found = candidates(sessions, BINDING)
        (tool,) = advertised([BINDING], lambda _: things.SEARCH, lambda _: found, lambda *of: drive(of[2]))
        return tool

    both = listed(ALICE, BOB)
    assert both.denial is None
    assert sorted(both.sessions) == ["for-alice", "for-bob"]
    assert listed(ALICE).sessions == ()
    assert listed().denial.reason is Reason.SESSION_REQUIRED
    suspended = drive(ALICE, binding=msgspec.structs.replace(BINDING, suspended=True))
    (none,) = advertised([BINDING], lambda _: things.SEARCH, lambda _: [ALICE, BOB], lambda *_: suspended)
    assert none.denial is not None


def test_without_a_session_the_agent_is_not_told_to_ask_for_one_itself() -> None:
    denial = chain.decide(chosen([]))
    assert denial is not None
    assert "request_session" not in denial.remedy


def test_an_ordinary_binding_needs_no_name_and_is_never_ambiguous() -> None:
    """As ever: the newest activation counts."""
    old, new = things.session(uid="old"), things.session(uid="new")
    assert choose([old, new], things.binding()).ambiguous == ()
    assert choose([old, new], things.binding(), "old").session is old


PEOPLE = st.sampled_from(["alice", "bob", "carol"])


@given(
    live=st.lists(PEOPLE, unique=True),
    over=st.lists(PEOPLE, unique=True),
    named=st.sampled_from(["", "for-alice", "for-bob", "for-carol", "for-dave"]),
)
def test_a_call_passes_only_under_the_session_it_means(live: list[str], over: list[str], named: str) -> None:
    sessions = [session_for(each) for each in live]
    sessions += [things.over(session_for(each, uid=f"over-{each}"), SessionState.EXPIRED) for each in over]
    one = chosen(sessions, named)
    if chain.decide(one) is not None:
        assert named.removeprefix("for-") not in live or not named
        return
    assert one.session is not None
    assert one.session.grant is not None
    assert one.session.name == named or (not named and live == [one.session.name.removeprefix("for-")])
    (granted,) = one.session.grant.bindings
    assert granted.connection.user_id == one.session.name.removeprefix("for-")
    assert granted.access is Access.READ
