"""A person may create a session already approved, of what existed, unchanged, when they did."""

import time

import pytest

pytestmark = pytest.mark.apiserver

APPROVED = {"approval": {"decision": "Approved"}}


def next_second():
    """Creation times have whole seconds: what shall be older must be older by one."""
    time.sleep(1.1)


def test_it_becomes_active_at_once(team):
    next_second()

    team.ask(user="alice@example.com", **APPROVED)

    status = team.state("s1", "Active")["status"]
    assert status["approvedBy"] == "alice@example.com"
    assert status["grantHash"].startswith("g1-")


def test_a_binding_made_afterwards_is_not_what_was_approved(team):
    team.ask(user="alice@example.com", bindings=[{"name": "later"}], **APPROVED)
    team.state("s1", "Pending")

    next_second()
    team.bind("later")

    assert "later" in team.state("s1", "GrantChanged")["status"]["message"]


def test_a_binding_changed_afterwards_is_not_what_was_approved(team):
    team.bind("small", suspended=True)
    team.binding_until("small", lambda each: each.get("status", {}).get("observedGeneration") == 1)
    next_second()
    team.ask(user="alice@example.com", bindings=[{"name": "small", "access": "Write"}], **APPROVED)
    team.state("s1", "Pending")

    status, _ = team.call(
        "PATCH",
        "providerbindings/small",
        {"spec": {"suspended": False}},
        user="admin",
        content_type="application/merge-patch+json",
    )

    assert status == 200
    team.state("s1", "GrantChanged")


def test_one_that_cannot_become_active_in_time_never_does(bed, own_operator):
    own_operator(bornApprovedSeconds=2)
    team = bed.team()
    team.ask(user="alice@example.com", **APPROVED)

    assert team.state("s1", "RequestTimedOut")["status"]["endedAt"]


def test_one_made_while_no_operator_ran_for_longer_never_becomes_active(bed, own_operator):
    operator = own_operator(bornApprovedSeconds=2)
    team = bed.team()
    team.bind()
    team.ready()
    next_second()
    operator.stop()
    team.ask(user="alice@example.com", **APPROVED)
    time.sleep(3)

    own_operator(bornApprovedSeconds=2)

    team.state("s1", "RequestTimedOut")
