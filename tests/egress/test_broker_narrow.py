"""The broker by itself holds a call to what was approved: single calls, calls of a tool, one person's data."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker_support import Brokered, binding_view, running_broker, session_view
from cluster import Cluster
from egress_support import granted, told
from pipes_api import canonical
from pipes_api.grant import GrantedBinding, GrantedCall
from pipes_api.messages import Reserve, SessionView
from pipes_api.names import BUDGET_META
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Connection, OnBehalfOf, ToolLimits, Usage
from pipes_api.states import SessionState
from pipes_egress.run.execution import Execution

pytestmark = pytest.mark.apiserver

QUERY, CREATE, SEARCH, READ = "snowflake_query", "salesforce_create", "google_drive_search", "google_drive_read"
CONTACT = {"object": "Contact", "fields": {"LastName": "Lovelace"}}


@pytest.fixture
async def brokered(cluster: Cluster, namespace: str, tmp_path: Path) -> AsyncIterator[Brokered]:
    async with running_broker(cluster, namespace, tmp_path) as made:
        yield made


def put(brokered: Brokered, binding: GrantedBinding, name: str = "analyst-1", **of_now: Any) -> SessionView:
    """A live session of that binding."""
    made = session_view(brokered.namespace, brokered.pod_uid, binding.provider)
    assert made.grant is not None
    person = OnBehalfOf(user_id=binding.connection.user_id) if binding.connection.from_session else None
    grant = msgspec.structs.replace(made.grant, bindings=(binding,), on_behalf_of=person)
    session = msgspec.structs.replace(made, name=name, grant=grant)
    brokered.service.put(binding_view(brokered.namespace, binding.provider, **of_now))
    brokered.service.put(session)
    return session


def reasons(*results: Any) -> list[Reason | None]:
    return [each.denial.reason if each.denial is not None else None for each in results]


# -- exact calls -------------------------------------------------------------------------------


def exact_contact() -> GrantedBinding:
    binding = granted("salesforce")
    call = GrantedCall(tool=CREATE, arguments=canonical.dumps(CONTACT).decode())
    return msgspec.structs.replace(binding, tools={CREATE: binding.tools[CREATE]}, calls=(call,))


async def created(brokered: Brokered) -> int:
    calls = await brokered.sandbox.calls(service="salesforce", method="POST")
    return sum("/sobjects/Contact" in each["path"] for each in calls)


async def test_the_approved_write_happens_once_however_often_it_is_tried(brokered: Brokered) -> None:
    session = put(brokered, exact_contact())
    results = await asyncio.gather(*(brokered.call(session, CREATE, CONTACT) for _ in range(10)))

    assert sorted(map(str, reasons(*results))) == ["BudgetExhausted"] * 9 + ["None"]
    assert await created(brokered) == 1


async def test_another_write_is_refused_and_burns_nothing(brokered: Brokered) -> None:
    session = put(brokered, exact_contact())
    other = {"object": "Contact", "fields": {"LastName": "Mallory"}}
    assert reasons(await brokered.call(session, CREATE, other)) == [Reason.CALL_MISMATCH]
    assert brokered.service.requests_of(Reserve) == []
    assert await created(brokered) == 0
    assert reasons(await brokered.call(session, CREATE, CONTACT)) == [None]


async def test_an_approved_call_that_could_not_be_sent_is_still_approved(brokered: Brokered) -> None:
    session = put(brokered, exact_contact())
    await brokered.sandbox.fault(match={"service": "pipes"}, effect="vend_error", error="not_installed", times=1)
    assert reasons(await brokered.call(session, CREATE, CONTACT)) == [Reason.CONNECTION_UNAVAILABLE]
    assert reasons(await brokered.call(session, CREATE, CONTACT)) == [None]
    assert await created(brokered) == 1


async def test_an_answer_that_cannot_be_dealt_with_gives_nothing_back(
    brokered: Brokered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong once the call has left: it may have been done, so its place is spent."""

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Execution, "_result", broken)
    session = put(brokered, exact_contact())
    with suppress(Exception):
        await brokered.call(session, CREATE, CONTACT)
    monkeypatch.undo()
    again = await brokered.call(session, CREATE, CONTACT)

    assert reasons(again) == [Reason.BUDGET_EXHAUSTED]
    assert await created(brokered) == 1


async def test_a_call_whose_place_the_operator_told_of_first_is_not_stopped(brokered: Brokered) -> None:
    """The change that its own reservation makes may come down the stream before the reservation is answered."""
    session = put(brokered, exact_contact())
    assert session.grant is not None
    (approved,) = session.grant.bindings[0].calls

    async def told_first() -> None:
        brokered.service.change(session.uid, usage=Usage(calls=1, writes=1, exact=(approved.id,)))
        async with asyncio.timeout(5):
            while (known := brokered.broker.view.session(session.uid)) is None or not known.usage.exact:
                await asyncio.sleep(0.001)

    brokered.service.before_reserving = told_first
    assert reasons(await brokered.call(session, CREATE, CONTACT)) == [None]
    assert reasons(await brokered.call(session, CREATE, CONTACT)) == [Reason.BUDGET_EXHAUSTED]


# -- calls of a tool, and their arguments --------------------------------------------------------


async def test_a_tool_gets_exactly_its_calls_and_what_is_left_is_told(brokered: Brokered) -> None:
    brokered.service.tool_budgets = {QUERY: 5}
    session = put(brokered, granted("snowflake", limits={QUERY: ToolLimits(max_calls=5)}))
    first = await brokered.query(session, "SELECT 1")
    assert first.meta[BUDGET_META] == {"tool": {"callsLeft": 4}}
    results = await asyncio.gather(*(brokered.query(session, f"SELECT {number}") for number in range(30)))

    assert reasons(*results).count(None) == 4
    assert set(reasons(*results)) == {None, Reason.BUDGET_EXHAUSTED}
    assert len(await brokered.sandbox.calls(path="/api/v2/statements")) == 5
    denial = next(each.denial for each in results if each.denial is not None)
    assert denial.session_expires_at == session.expires_at


async def test_a_ceiling_of_the_binding_of_now_holds_for_a_grant_without_one(brokered: Brokered) -> None:
    session = put(brokered, granted("snowflake"), tool_limits={QUERY: ToolLimits(calls_per_minute=1)})
    results = [await brokered.query(session, "SELECT 1") for _ in range(2)]

    assert reasons(*results) == [None, Reason.RATE_LIMITED]
    assert results[1].denial is not None
    assert 0 < (results[1].denial.retry_after_seconds or 0) <= 60
    assert len(await brokered.sandbox.calls(path="/api/v2/statements")) == 1


@pytest.mark.parametrize("where", ["grant", "binding"])
async def test_a_restriction_of_the_grant_or_of_now_is_held(brokered: Brokered, where: str) -> None:
    few = {QUERY: {"properties": {"maxRows": {"maximum": 10}}}}
    in_grant, of_now = (few, {}) if where == "grant" else ({}, few)
    session = put(brokered, granted("snowflake", restrict=in_grant), restrict=of_now)
    result = await brokered.call(session, QUERY, {"statement": "SELECT 1", "maxRows": 11})

    assert reasons(result) == [Reason.ARGUMENTS_NOT_ALLOWED]
    assert "maxRows must be at most 10" in told(result)
    assert await brokered.sandbox.calls() == []
    assert reasons(await brokered.call(session, QUERY, {"statement": "SELECT 1", "maxRows": 10})) == [None]


# -- sessions for a person -------------------------------------------------------------------------


def drive_of(user: str) -> GrantedBinding:
    connection = Connection(user_id=f"user_{user}", from_session=True)
    return granted("google-drive", Access.READ, connection=connection, account=f"data_installation_drive_{user}")


async def two_people(brokered: Brokered) -> tuple[SessionView, SessionView]:
    of_now = {"from_session": True, "connected": False}
    return put(brokered, drive_of("alice"), "for-alice", **of_now), put(brokered, drive_of("bob"), "for-bob", **of_now)


async def used_credentials(brokered: Brokered) -> list[str]:
    calls = await brokered.sandbox.calls(service="google-drive")
    return [each["token"]["user_id"] for each in calls]


async def test_each_session_reaches_its_persons_data_and_no_other(brokered: Brokered) -> None:
    alice, bob = await two_people(brokered)
    found = {}
    for session in (alice, bob):
        result = await brokered.call(session, SEARCH, {"query": "diary"}, body={"session": session.name})
        assert reasons(result) == [None], told(result)
        found[session.name] = told(result)

    assert "diary" not in found["for-alice"]
    assert "Bob's diary" in found["for-bob"]
    assert await used_credentials(brokered) == ["user_alice", "user_bob"]


async def test_credentials_never_cross_however_calls_are_mixed(brokered: Brokered) -> None:
    sessions = await two_people(brokered)

    async def ask(number: int) -> tuple[str, str]:
        session = sessions[number % 2]
        body = {"session": session.name}
        return session.name, told(await brokered.call(session, SEARCH, {"query": "review"}, body=body))

    answers = await asyncio.gather(*(ask(number) for number in range(40)))
    for name in ("for-alice", "for-bob"):
        assert len({text for of, text in answers if of == name}) == 1
    assert sorted(await used_credentials(brokered)) == ["user_alice"] * 20 + ["user_bob"] * 20


async def test_the_token_of_one_persons_session_does_not_open_anothers(brokered: Brokered) -> None:
    alice, bob = await two_people(brokered)
    tries = [
        await brokered.call(alice, SEARCH, {"query": "review"}, body={"session": "for-bob"}),
        await brokered.call(bob, SEARCH, {"query": "review"}, body={"session": "for-bob"}, token=brokered.token(alice)),
        await brokered.call(
            bob, SEARCH, {"query": "review"}, token=brokered.token(bob, sid=alice.uid, grantHash="g1-other")
        ),
        await brokered.call(alice, SEARCH, {"query": "review"}, body={"session": "for-nobody"}),
    ]
    assert all(each.denial is not None for each in tries)
    assert reasons(tries[0], tries[3]) == [Reason.SESSION_REQUIRED] * 2
    assert tries[0].denial == tries[3].denial, "whose other sessions there are is not told"
    assert await brokered.sandbox.calls() == []


async def test_a_grant_that_names_another_persons_connection_is_refused(brokered: Brokered) -> None:
    alice = put(brokered, drive_of("alice"), "for-alice", from_session=True)
    assert alice.grant is not None
    crossed = msgspec.structs.replace(alice.grant, on_behalf_of=OnBehalfOf(user_id="user_bob"))
    await brokered.change(alice.uid, grant=crossed)
    assert reasons(await brokered.call(alice, SEARCH, {"query": "review"})) == [Reason.NOT_GRANTED]
    assert await brokered.sandbox.calls() == []


async def test_an_account_that_is_another_persons_is_refused_before_it_is_used(brokered: Brokered) -> None:
    """The grant says Alice, and names the account of Bob: what Pipes says is hers decides."""
    crossed = msgspec.structs.replace(drive_of("alice"), account="data_installation_drive_bob")
    alice = put(brokered, crossed, "for-alice", from_session=True)
    result = await brokered.call(alice, SEARCH, {"query": "review"})
    assert reasons(result) == [Reason.CONNECTION_UNAVAILABLE]
    assert await used_credentials(brokered) == []


async def test_the_end_of_one_persons_session_ends_only_theirs(brokered: Brokered) -> None:
    alice, bob = await two_people(brokered)
    ended = dt.datetime.now(dt.UTC)
    await brokered.change(alice.uid, state=SessionState.REVOKED, live=False, ended_at=ended)
    assert reasons(
        await brokered.call(alice, SEARCH, {"query": "review"}), await brokered.call(bob, SEARCH, {"query": "review"})
    ) == [Reason.SESSION_REVOKED, None]
