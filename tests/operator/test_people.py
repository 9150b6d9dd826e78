"""Sessions for a person, with the whole operator at work: whose connection it is, and every way to another's tried."""

from typing import Any

import pytest

from cluster import product

pytestmark = pytest.mark.apiserver

ALICE, BOB, ADMIN = "alice@example.com", "bob@example.com", "admin"
ALICES, BOBS = {"userId": "user_alice"}, {"userId": "user_bob"}
DRIVE = [{"name": "drive"}]


@pytest.fixture
def team(bed, operator):
    """A team with a binding `drive` that leaves the user to the session; ALICE speaks for user_alice, and no other."""
    made = bed.team()
    rule = {"apiGroups": ["pipesmcp.io"], "resources": ["pipesusers"], "resourceNames": ["user_alice"]}
    product.allow(bed.cluster, "speaks-for-alice", {**rule, "verbs": ["approve"]})
    product.bind(bed.cluster, None, "speaks-for-alice", ALICE)
    bind(made)
    return made


def condition(body, kind):
    return next(each for each in body["status"]["conditions"] if each["type"] == kind)


def bind(team, name: str = "drive", **spec: Any) -> None:
    """Made by a cluster admin: nobody else here may lend everybody's connections."""
    body = {
        "apiVersion": "pipesmcp.io/v1alpha1",
        "kind": "ProviderBinding",
        "metadata": {"name": name},
        "spec": {"provider": "google-drive", "connection": {"fromSession": True}, **spec},
    }
    status, made = team.call("POST", "providerbindings", body)
    assert status == 201, made
    team.ready(name)


def test_such_a_binding_is_ready_without_anybodys_account(team):
    body = team.binding("drive")

    assert condition(body, "Ready")["status"] == "True"
    assert (condition(body, "Connected")["status"], condition(body, "Connected")["reason"]) == (
        "Unknown",
        "FromSession",
    )
    assert "account" not in body["status"]


def test_the_session_gets_the_connection_of_the_person_it_acts_for(team):
    for name, person, account in (
        ("s1", ALICES, "data_installation_drive_alice"),
        ("s2", BOBS, "data_installation_drive_bob"),
    ):
        team.ask(name, bindings=DRIVE, onBehalfOf=person)
        status = team.state(name, "AwaitingApproval")["status"]
        (granted,) = status["grant"]["bindings"]
        assert (granted["account"], granted["connection"]["userId"]) == (account, person["userId"])
        assert granted["connection"]["fromSession"]
        assert any(f"In the name of the user {person['userId']}" in line for line in status["summary"])


def test_who_speaks_for_one_person_approves_for_no_other(team):
    team.ask("hers", bindings=DRIVE, onBehalfOf=ALICES)
    team.ask("his", bindings=DRIVE, onBehalfOf=BOBS)
    for name in ("hers", "his"):
        team.state(name, "AwaitingApproval")

    team.approve("hers")
    refused = team.approve("his", expect=403)

    assert "alice@example.com lacks the verb approve on pipesusers user_bob" in refused["message"]
    team.state("hers", "Active")
    assert team.session("his")["status"]["state"] == "AwaitingApproval"


def test_an_agent_that_may_create_sessions_cannot_name_anybody(team):
    agent = team.let_agent_ask()

    refused = team.ask(user=agent, expect=403, bindings=DRIVE, onBehalfOf=ALICES)
    assert "only a person can name the person a session acts for" in refused["message"]
    team.ask("plain", user=agent, bindings=DRIVE)
    pending = team.state("plain", "Pending")
    assert "needs spec.onBehalfOf" in pending["status"]["message"]
    team.patch("plain", {"spec": {"onBehalfOf": ALICES}}, user=agent, expect=422)


def test_the_person_is_not_exchanged_after_the_approval(team):
    team.active("s1", bindings=DRIVE, onBehalfOf=ALICES)

    for user in (ALICE, BOB, ADMIN):
        said = team.patch("s1", {"spec": {"onBehalfOf": BOBS}}, user=user, expect=422)
        assert "onBehalfOf cannot change" in said["message"]
    (granted,) = team.session("s1")["status"]["grant"]["bindings"]
    assert granted["account"] == "data_installation_drive_alice"


def test_who_has_not_connected_the_provider_cannot_be_acted_for(team):
    team.ask(bindings=DRIVE, onBehalfOf={"userId": "user_carol"})

    pending = team.state("s1", "Pending")

    assert "user_carol has no connection that can be used" in pending["status"]["message"]
    assert "grantHash" not in pending["status"]


def test_a_connection_that_comes_back_makes_a_request_approvable(team, bed):
    account = "/_sandbox/accounts/data_installation_salesforce_bob"
    bind(team, "crm", provider="salesforce")
    team.ask(bindings=[{"name": "crm"}], onBehalfOf=BOBS)
    assert "must be authorized again" in team.state("s1", "Pending")["status"]["message"]

    bed.sandbox_call("PATCH", account, {"state": "connected"})
    try:
        team.state("s1", "AwaitingApproval")
        team.approve(user=ADMIN)
        assert condition(team.state("s1", "Active"), "ConnectionsAvailable")["status"] == "True"
    finally:
        bed.sandbox_call("PATCH", account, {"state": "needs_reauthorization"})


def test_a_connection_that_is_lost_is_told_and_ends_nothing(bed, own_operator):
    own_operator(connectionCheckSeconds=0.5)
    team = bed.team()
    bind(team)
    team.ask(bindings=DRIVE, onBehalfOf=BOBS)
    team.state("s1", "AwaitingApproval")
    team.approve(user=ADMIN)
    team.state("s1", "Active")

    bed.sandbox_call("PATCH", "/_sandbox/accounts/data_installation_drive_bob", {"state": "disconnected"})
    try:
        lost = team.session_until("s1", lambda each: condition(each, "ConnectionsAvailable")["status"] == "False")
        assert lost["status"]["state"] == "Active"
        assert "the connection of user_bob cannot be used" in condition(lost, "ConnectionsAvailable")["message"]
    finally:
        bed.sandbox_call("PATCH", "/_sandbox/accounts/data_installation_drive_bob", {"state": "connected"})
    team.session_until("s1", lambda each: condition(each, "ConnectionsAvailable")["status"] == "True")


def test_both_peoples_sessions_live_side_by_side_and_each_ones_newest_wins(team):
    pod = team.bed.cluster.create_pod(team.namespace, "agent-0", "agent")["metadata"]["uid"]
    agent = {"serviceAccountName": "agent", "podUID": pod}
    for name, person in (("a1", ALICES), ("b1", BOBS), ("a2", ALICES)):
        team.ask(name, agent=agent, bindings=DRIVE, onBehalfOf=person)
        team.state(name, "AwaitingApproval")
        team.approve(name, user=ADMIN)
        team.state(name, "Active")

    assert "a2 took its place" in team.state("a1", "Ended")["status"]["message"]
    assert team.session("b1")["status"]["state"] == "Active"
