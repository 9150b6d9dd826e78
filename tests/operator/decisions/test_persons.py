"""Sessions for a person: whose connection is granted, who may name the person, and what happens when it fails."""

from typing import Any

import msgspec
import pytest

from pipes_api.grant import grant_hash
from pipes_api.resources import ConnectedAccount
from pipes_operator.decisions import grants, reports, trust
from pipes_operator.decisions.active import granted
from pipes_operator.decisions.decide import decide
from pipes_operator.decisions.reports import Report, Word

ALICE, BOB = {"userId": "user_alice"}, {"userId": "user_bob"}


def report(user: str = "user_alice", account: str = "ca_alice", **changes: Any) -> Report:
    shown = ConnectedAccount(id=account, display_name=f"{user}'s warehouse", state="connected")
    return Report(**{"word": Word.CONNECTED, "account": shown, "user_id": user, **changes})


@pytest.fixture
def anybodys(make):
    """The offer of a binding that leaves the user to the session."""
    return anybody(make)


def anybody(make, **connection):
    binding = make.binding(connection={"fromSession": True, **connection})
    return make.offered(msgspec.structs.replace(binding, status=msgspec.structs.replace(binding.status, account=None)))


def asked(make, offer, people, **spec):
    return grants.requested(make.session(**spec), {"snowflake": offer}, make.rules.longest, people)


def test_the_persons_own_account_is_granted_and_no_other_persons_hash_is_the_same(make, anybodys):
    one = asked(make, anybodys, {"snowflake": report()}, onBehalfOf=ALICE).grant
    other = asked(make, anybodys, {"snowflake": report("user_bob", "ca_bob")}, onBehalfOf=BOB).grant

    (binding,) = one.bindings
    assert (binding.connection.user_id, binding.connection.from_session, binding.account) == (
        "user_alice",
        True,
        "ca_alice",
    )
    assert one.on_behalf_of.user_id == "user_alice"
    assert grant_hash(one) != grant_hash(other)


PROBLEMS = [
    ("nobody is named", None, {"snowflake": report()}, "so it needs spec.onBehalfOf"),
    ("Pipes was not asked yet", ALICE, {}, "Pipes has not been asked yet about the connection of user_alice"),
    ("another's account came back", ALICE, {"snowflake": report("user_bob", "ca_bob")}, "user_alice has no connection"),
    ("an organization's came back", ALICE, {"snowflake": report(organization_id="org_1")}, "user_alice has no connec"),
    ("not connected", ALICE, {"snowflake": Report(Word.NOT_CONNECTED, "Not connected.")}, "Not connected."),
    ("Pipes cannot be asked", ALICE, {"snowflake": Report(Word.UNAVAILABLE, "Pipes answered 503.")}, "answered 503"),
]


@pytest.mark.parametrize(("what", "person", "people", "problem"), PROBLEMS, ids=[row[0] for row in PROBLEMS])
def test_without_the_persons_working_connection_nothing_is_granted(make, anybodys, what, person, people, problem):
    found = asked(make, anybodys, people, **({"onBehalfOf": person} if person else {}))

    assert found.grant is None
    assert problem in found.problems[0]


def test_the_binding_says_in_which_organization_or_the_session_does(make):
    fixed = anybody(make, organizationId="org_1")
    theirs = {"snowflake": report(organization_id="org_1")}
    by_binding = asked(make, fixed, theirs, onBehalfOf=ALICE).grant
    both = asked(make, fixed, theirs, onBehalfOf={**ALICE, "organizationId": "org_1"}).grant
    by_session = asked(make, anybody(make), theirs, onBehalfOf={**ALICE, "organizationId": "org_1"}).grant

    assert {each.bindings[0].connection.organization_id for each in (by_binding, both, by_session)} == {"org_1"}
    other = asked(make, fixed, theirs, onBehalfOf={**ALICE, "organizationId": "org_2"})
    assert "another organization" in other.problems[0]


def test_a_binding_that_names_its_user_is_not_moved_by_who_the_session_acts_for(make):
    (binding,) = asked(make, make.offer(), {"snowflake": report("user_bob")}, onBehalfOf=BOB).grant.bindings

    assert (binding.connection.user_id, binding.account) == ("user_alice", "account_1")


@pytest.mark.parametrize(
    "user",
    [
        "system:serviceaccount:team:agent",
        "system:serviceaccount:pipes-system:operator",
        "system:serviceaccount:other:robot",
        "system:node:n1",
        "system:anonymous",
        "",
    ],
)
def test_no_machine_names_the_person_even_if_a_policy_was_away(make, anybodys, user):
    session = make.session(requestedBy=user, onBehalfOf=ALICE)
    decision = decide(make.facts(session, offers={"snowflake": anybodys}, people={"snowflake": report()}))

    assert decision.status.state == "Pending"
    assert "only a person can name the person" in decision.status.message


def active(make, name="s1", person=ALICE, people=None, seconds=10, **spec):
    user = person["userId"]
    known = people or {"snowflake": report(user, f"ca_{user}")}
    over = {"offers": {"snowflake": anybody(make)}, "people": known}
    return make.active(make.session(name, onBehalfOf=person, **spec), seconds=seconds, **over)


def facts(make, session, people, **over):
    return make.facts(session, offers={"snowflake": anybody(make)}, people=people, **over)


def told(decision, kind):
    return next(each for each in decision.status.conditions if each.type == kind)


def test_the_approver_sees_in_whose_name_and_which_account(make):
    summary = " ".join(active(make).status.summary)

    assert "In the name of the user user_alice: approving it takes the right to speak for that person." in summary
    assert 'account "user_alice\'s warehouse" of user_alice' in summary


def test_a_connection_that_stops_working_is_told_and_the_session_stays(make):
    session = active(make)
    broken = {"snowflake": Report(Word.NEEDS_REAUTHORIZATION, "It must be authorized again.")}

    decision = decide(facts(make, session, broken, seconds=20))

    assert decision.status.state == "Active"
    condition = told(decision, "ConnectionsAvailable")
    assert condition.status == "False"
    assert "user_alice cannot be used: It must be authorized again." in condition.message
    again = msgspec.structs.replace(session, status=decision.status)
    back = decide(facts(make, again, {"snowflake": report("user_alice", "ca_user_alice")}, seconds=30))
    assert told(back, "ConnectionsAvailable").status == "True"


def test_another_account_than_the_approved_one_is_not_the_approved_one(make):
    decision = decide(facts(make, active(make), {"snowflake": report("user_alice", "ca_new")}, seconds=20))

    assert "has connected another account since the approval" in told(decision, "ConnectionsAvailable").message


def test_until_pipes_has_been_asked_again_the_condition_stays_as_it_was(make):
    session = active(make)

    assert decide(facts(make, session, {}, seconds=20)).status is None


def test_another_persons_session_in_the_same_pod_is_not_superseded(make):
    pod = {"serviceAccountName": "agent", "podUID": "0b1cbd1e-0000-4000-8000-000000000000"}
    alices = active(make, "s1", agent=pod)
    bobs = active(make, "s2", BOB, seconds=20, agent=pod)
    again = active(make, "s3", seconds=30, agent=pod)
    alice = {"snowflake": report("user_alice", "ca_user_alice")}

    assert decide(facts(make, alices, alice, siblings=[bobs], seconds=40)).status is None
    ended = decide(facts(make, alices, alice, siblings=[bobs, again], seconds=40)).status
    assert (ended.state, ended.message) == ("Ended", "The newer session s3 took its place.")


def test_a_status_that_names_another_person_is_not_trusted(make):
    session = active(make)
    grant = granted(session)
    assert trust.problem(session, grant) == ""
    (binding,) = grant.bindings
    bobs = msgspec.structs.replace(binding.connection, user_id="user_bob")
    forged = msgspec.structs.replace(grant, bindings=(msgspec.structs.replace(binding, connection=bobs),))
    assert trust.problem(session, forged)
    bob = msgspec.structs.replace(grant.on_behalf_of, user_id="user_bob")
    assert "another person's name" in trust.problem(session, msgspec.structs.replace(grant, on_behalf_of=bob))
    assert "another person's name" in trust.problem(session, msgspec.structs.replace(grant, on_behalf_of=None))


def test_a_persons_connection_is_of_that_person_only(make):
    theirs = reports.persons(anybody(make).binding.spec.connection, active(make).spec.on_behalf_of)

    assert reports.checked(theirs, report()).word is Word.CONNECTED
    for other in (report("user_bob"), report(organization_id="org_1"), report(user_id=None)):
        assert reports.checked(theirs, other).word is Word.NOT_THE_OWNERS
    nothing = Report(Word.CONNECTED, user_id="user_alice")
    assert reports.checked(theirs, nothing).word is Word.NOT_THE_OWNERS


def test_why_such_a_binding_is_not_ready_is_not_that_it_has_no_person(make):
    binding = make.binding(ready=False, connection={"fromSession": True})
    conditions = tuple(
        msgspec.structs.replace(
            each,
            status="Unknown" if each.type == "Connected" else "False",
            reason="FromSession" if each.type == "Connected" else "NameCollision",
            message="Each session names it." if each.type == "Connected" else "Rename it.",
        )
        for each in binding.status.conditions
    )
    status = msgspec.structs.replace(binding.status, conditions=conditions)
    found = asked(make, make.offered(msgspec.structs.replace(binding, status=status)), {}, onBehalfOf=ALICE)

    assert found.problems == ("snowflake is not Ready: Rename it.",)
