"""What fails around the operator: nothing is granted by it, and nothing is lost."""

import signal
import time

import pytest

pytestmark = pytest.mark.apiserver

API = "/apis/pipesmcp.io/v1alpha1"


def test_an_operator_killed_at_any_moment_leaves_nothing_undone_and_grants_nothing_twice(bed, own_operator):
    operator = own_operator()
    team = bed.team()
    team.bind()
    team.ready()
    for round_ in range(4):
        for number in range(6):
            team.ask(f"r{round_}-{number}", agent={"serviceAccountName": f"agent-{round_}-{number}"})
        if round_ % 2:
            for number in range(6):
                team.state(f"r{round_}-{number}", "AwaitingApproval")
                team.approve(f"r{round_}-{number}")
        time.sleep(0.004 * round_)
        operator.kill()
        operator = own_operator()
    for round_ in range(4):
        for number in range(6):
            wanted = "Active" if round_ % 2 else "AwaitingApproval"
            session = team.state(f"r{round_}-{number}", wanted, 20)
            approved = session["status"].get("activatedAt", "")
            assert bool(approved) == (wanted == "Active")


def test_a_request_waits_no_longer_than_its_time(bed, own_operator):
    own_operator(requestTimeoutSeconds=2)
    team = bed.team()
    team.bind()
    team.ready()
    team.ask()

    assert "Nobody decided" in team.state("s1", "RequestTimedOut")["status"]["message"]


def test_an_approval_after_the_deadline_is_too_late_whatever_the_object_says(bed, own_operator):
    settings = {"requestTimeoutSeconds": 3}
    operator = own_operator(**settings)
    team = bed.team()
    team.bind()
    team.ready()
    team.ask()
    team.state("s1", "AwaitingApproval")
    operator.stop()
    time.sleep(3.2)
    team.approve()

    own_operator(**settings)

    assert team.state("s1", "RequestTimedOut")["status"].get("activatedAt") is None


def test_an_approval_in_time_waits_for_its_connection_no_longer_than_the_window(bed, own_operator):
    own_operator(requestTimeoutSeconds=4, activationWindowSeconds=2)
    team = bed.team()
    team.bind("later", connection={"userId": "user_bob"}, provider="google-drive")
    team.ready("later")
    team.ask(bindings=[{"name": "later"}])
    team.state("s1", "AwaitingApproval")
    team.call(
        "PATCH",
        "providerbindings/later",
        {"spec": {"suspended": True}},
        user="alice@example.com",
        content_type="application/merge-patch+json",
    )
    team.state("s1", "Pending")

    ended = team.state("s1", "RequestTimedOut")

    assert ended["status"].get("activatedAt") is None


def test_finished_sessions_are_collected_after_their_retention(bed, own_operator):
    own_operator(retentionSeconds=1)
    team = bed.team()
    team.bind()
    team.ready()
    team.ask()
    team.state("s1", "AwaitingApproval")
    team.deny()

    team.session_until("s1", lambda each: each.get("code") == 404)


def test_a_deletion_lost_in_a_watch_gap_is_found_by_the_list(bed, own_operator):
    """The World forgets what vanished: the name can be used again, and the older session is not told of any more."""
    operator = own_operator(relistSeconds=1)
    team = bed.team()
    team.bind()
    team.ready()
    team.active()
    operator.process.send_signal(signal.SIGSTOP)
    team.call("DELETE", "agentsessions/s1", user="alice@example.com")
    team.ask(agent={"serviceAccountName": "other"})
    operator.process.send_signal(signal.SIGCONT)

    assert team.state("s1", "AwaitingApproval")["spec"]["agent"]["serviceAccountName"] == "other"


def test_after_the_api_server_was_away_approvals_and_revocations_work_again(bed, own_operator):
    operator = own_operator()
    team = bed.team()
    team.bind()
    team.ready()
    team.ask("s2", agent={"serviceAccountName": "other"})
    team.active("s1")
    team.state("s2", "AwaitingApproval")

    bed.cluster.restart_apiserver()

    # It says ready before its admission policies have been read.
    for _ in range(200):
        body = {"spec": {"revocation": {}}}
        status, _ = team.call(
            "PATCH", "agentsessions/s1", body, user="alice@example.com", content_type="application/merge-patch+json"
        )
        if status == 200:
            break
        time.sleep(0.05)
    team.state("s1", "Revoked", 30)
    team.approve("s2")
    team.state("s2", "Active", 40)
    assert operator.process.poll() is None


def test_readiness_turns_red_while_the_api_server_hangs(bed, own_operator):
    operator = own_operator(leaseSeconds=60, leadershipSeconds=60)
    bed.cluster.pause_apiserver()
    try:
        deadline = time.monotonic() + 20
        while operator.is_ready():
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        bed.cluster.resume_apiserver()
    operator.await_ready(40)


def test_a_second_operator_waits_and_takes_over(bed, own_operator):
    first = own_operator()
    settings = bed.settings()
    second = type(first)(bed.folder, settings)
    try:
        time.sleep(1.5)
        assert first.is_ready()
        assert not second.is_ready()
        first.kill()
        second.await_ready(20)
        team = bed.team()
        team.bind()
        team.ready()
        team.active()
    finally:
        second.stop()


def test_many_endings_at_once_do_not_hold_up_an_approval(bed, own_operator):
    own_operator(retentionSeconds=1)
    team = bed.team()
    team.bind()
    team.ready()
    for number in range(150):
        team.ask(f"r{number}", agent={"serviceAccountName": f"a{number}"})
    for number in range(150):
        team.state(f"r{number}", "AwaitingApproval", 30)
    team.ask("urgent")
    team.state("urgent", "AwaitingApproval")
    for number in range(150):
        team.deny(f"r{number}")
    team.approve("urgent")
    team.state("urgent", "Active")
    for number in range(150):
        team.session_until(f"r{number}", lambda each: each.get("code") == 404, 30)
