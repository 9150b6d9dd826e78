"""The last known state: versions, names that change hands, deletions, and who is told."""

import math

import pytest

from pipes_operator.world import Change, World


def session(name="s1", uid="u1", version=1, account="agent", **status):
    return {
        "metadata": {"name": name, "namespace": "team", "uid": uid, "resourceVersion": str(version), "generation": 1},
        "spec": {
            "agent": {"serviceAccountName": account},
            "bindings": [{"name": "snowflake"}],
            "duration": "5m",
            "reason": "x",
        },
        "status": status,
    }


@pytest.fixture
def world():
    return World()


@pytest.fixture
def heard(world):
    changes: list[Change] = []
    world.listen(changes.append)
    return changes


def test_a_change_is_told_within_the_call(world, heard):
    world.put_session(session())
    world.put_session(session(version=2, state="AwaitingApproval"))
    world.drop_session("u1")

    assert [(each.old is None, each.new is None) for each in heard] == [(True, False), (False, False), (False, True)]
    assert heard[1].new.status.state == "AwaitingApproval"


def test_older_and_equal_versions_change_nothing(world, heard):
    world.put_session(session(version=5, state="AwaitingApproval"))

    assert world.put_session(session(version=4)).status.state == "AwaitingApproval"
    world.put_session(session(version=5))

    assert len(heard) == 1


def test_versions_are_numbers(world):
    world.put_session(session(version=9))
    world.put_session(session(version=10, state="AwaitingApproval"))

    assert world.session("u1").status.state == "AwaitingApproval"


def test_another_uid_under_the_name_takes_its_place(world, heard):
    world.put_session(session(version=3))
    world.put_session(session(uid="u2", version=7))

    assert world.session("u1") is None
    assert world.session_named("team", "s1").metadata.uid == "u2"
    assert [(each.uid, each.new is None) for each in heard] == [("u1", False), ("u1", True), ("u2", False)]


def test_a_late_word_about_a_replaced_object_is_ignored(world):
    world.put_session(session(uid="u2", version=7))
    world.put_session(session(uid="u1", version=3))

    assert world.session_named("team", "s1").metadata.uid == "u2"
    assert world.session("u1") is None


def test_what_is_gone_never_returns(world):
    world.put_session(session())
    world.drop_session("u1")

    assert world.put_session(session(version=9)) is None
    assert list(world.sessions()) == []


def test_what_cannot_be_read_counts_as_gone(world, heard):
    world.put_session(session())
    broken = session(version=2)
    broken["spec"]["agent"] = "a text"

    assert world.put_session(broken) is None
    assert world.session("u1") is None
    assert heard[-1].new is None
    assert world.put_session(session(version=3)) is not None


def test_heartbeats_are_no_sessions(world, heard):
    world.put_session(session(name="pipes-heartbeat"))

    assert list(world.sessions()) == []
    assert heard == []


def test_sessions_are_found_by_namespace_and_agent(world):
    world.put_session(session())
    world.put_session(session(name="s2", uid="u2", account="other"))

    assert [each.metadata.name for each in world.sessions_of("team", "other")] == ["s2"]
    assert len(list(world.sessions("team"))) == 2
    assert list(world.sessions("elsewhere")) == []
    world.drop_session("u2")
    assert list(world.sessions_of("team", "other")) == []


def test_a_listener_that_fails_keeps_nothing_from_the_others(world, heard):
    failing = World()
    told = []
    failing.listen(lambda _: 1 / 0)
    failing.listen(told.append)

    failing.put_session(session())

    assert len(told) == 1


def test_the_proof_is_the_older_of_both_kinds(world):
    assert world.view_proof(100.0) == math.inf
    world.seen_heartbeat("session", 95.0)
    assert world.view_proof(100.0) == math.inf
    world.seen_heartbeat("binding", 92.0)
    assert world.view_proof(100.0) == 8.0
    world.seen_heartbeat("binding", 90.0)
    assert world.view_proof(100.0) == 8.0
