"""From a request to each of its ends, on a real API server."""

import threading
from datetime import datetime

import pytest
import yaml

pytestmark = pytest.mark.apiserver


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def condition(body, kind):
    return next(each for each in body["status"]["conditions"] if each["type"] == kind)


def test_a_request_is_shown_to_a_person_with_all_they_need(team):
    team.ask(bindings=[{"name": "snowflake", "access": "Write"}], limits={"maxCalls": 10})

    status = team.state("s1", "AwaitingApproval")["status"]

    assert status["grantHash"].startswith("g1-")
    assert any("Read from and write to snowflake" in line for line in status["summary"])
    assert any("Acme warehouse" in line for line in status["summary"])
    assert any("Quarterly figures" in line for line in status["summary"])
    assert status["grant"]["bindings"][0]["tools"].keys() >= {"snowflake_query"}
    assert (status["access"], status["providers"], status["calls"]) == ("Write", "snowflake", "0/10")


def test_the_shown_manifest_approves_when_applied_as_it_is(team, bed):
    team.ask()
    manifest = team.state("s1", "AwaitingApproval")["status"]["approveWith"]

    bed.cluster.run_kubectl("apply", "--server-side", "-f", "-", user="alice@example.com", stdin=manifest)

    assert team.state("s1", "Active")["status"]["approvedBy"] == "alice@example.com"
    assert "grantHash" in yaml.safe_load(manifest)["spec"]["approval"]


def test_expiry_counts_from_activation_and_never_moves(team):
    active = team.active(duration="15m")

    status = active["status"]
    life = at(status["expiresAt"]) - at(status["activatedAt"]).replace(microsecond=0)
    assert life.total_seconds() == 900
    assert condition(active, "Ready")["status"] == "True"
    team.patch("s1", {"metadata": {"labels": {"touched": "yes"}}})
    team.revoke()
    assert team.state("s1", "Revoked")["status"]["expiresAt"] == status["expiresAt"]


def test_a_narrowed_approval_grants_only_what_is_left(team):
    team.ask(bindings=[{"name": "snowflake", "access": "Write"}], duration="1h", limits={"maxCalls": 50})
    shown = team.state("s1", "AwaitingApproval")["status"]
    narrowed = [{"name": "snowflake", "access": "Read", "tools": ["query"]}]

    team.approve(bindings=narrowed, duration="5m", limits={"maxCalls": 3})

    status = team.state("s1", "Active")["status"]
    (binding,) = status["grant"]["bindings"]
    assert (binding["access"], list(binding["tools"])) == ("Read", ["snowflake_query"])
    assert (status["grant"]["duration"], status["grant"]["limits"]) == (300, {"maxCalls": 3})
    assert status["grantHash"] == shown["grantHash"]
    assert (at(status["expiresAt"]) - at(status["activatedAt"]).replace(microsecond=0)).total_seconds() == 300


def test_a_request_over_the_ceilings_is_cut_and_says_so(team):
    team.bind("small", limits={"maxAccess": "Read", "maxDuration": "5m", "maxCalls": 7})
    team.ready("small")

    team.ask(bindings=[{"name": "small", "access": "Write"}], duration="2h")

    status = team.state("s1", "AwaitingApproval")["status"]
    assert status["grant"]["duration"] == 300
    assert status["grant"]["limits"] == {"maxCalls": 7}
    assert status["grant"]["bindings"][0]["access"] == "Read"
    assert sum("Cut to a ceiling" in line for line in status["summary"]) == 2


def test_denied(team):
    team.ask()
    team.state("s1", "AwaitingApproval")

    team.deny(note="Not this quarter")

    denied = team.state("s1", "Denied")
    assert "Not this quarter" in denied["status"]["message"]
    assert condition(denied, "Approved")["status"] == "False"
    assert "approveWith" not in denied["status"]


@pytest.mark.parametrize("active", [False, True], ids=["while awaiting approval", "while active"])
def test_revoked(team, active):
    if active:
        team.active()
    else:
        team.ask()
        team.state("s1", "AwaitingApproval")

    team.revoke(reason="Wrong person")

    revoked = team.state("s1", "Revoked")
    assert revoked["status"]["endedBy"] == "alice@example.com"
    assert "Wrong person" in revoked["status"]["message"]
    assert condition(revoked, "Ready")["status"] == "False"


def test_pending_until_its_binding_can_be_granted(team):
    team.ask(bindings=[{"name": "later"}])
    pending = team.state("s1", "Pending")
    assert "later" in pending["status"]["message"]
    assert "grantHash" not in pending["status"]
    team.approve(expect=422)

    team.bind("later")

    assert team.state("s1", "AwaitingApproval")["status"]["grantHash"]


def test_an_unknown_tool_is_pending_and_named(team):
    team.ask(bindings=[{"name": "snowflake", "tools": ["quarry"]}])

    assert "quarry" in team.state("s1", "Pending")["status"]["message"]


def test_what_is_shown_is_rewritten_when_a_binding_changes_before_the_decision(team):
    team.ask(bindings=[{"name": "snowflake", "access": "Write"}])
    before = team.state("s1", "AwaitingApproval")["status"]["grantHash"]

    status, _ = team.call(
        "PATCH",
        "providerbindings/snowflake",
        {"spec": {"limits": {"maxAccess": "Read"}}},
        user="alice@example.com",
        content_type="application/merge-patch+json",
    )
    assert status == 200

    now = team.session_until("s1", lambda each: each["status"].get("grantHash") not in (None, before))
    assert now["status"]["grant"]["bindings"][0]["access"] == "Read"
    team.patch("s1", {"spec": {"approval": {"decision": "Approved", "grantHash": before}}}, expect=422)


def test_a_binding_that_is_deleted_and_made_again_between_look_and_approval_changes_the_hash(team):
    team.ask()
    seen = team.state("s1", "AwaitingApproval")["status"]["grantHash"]
    team.call("DELETE", "providerbindings/snowflake", user="alice@example.com")
    team.bind()

    team.session_until("s1", lambda each: each["status"].get("grantHash") not in (None, seen))

    team.patch("s1", {"spec": {"approval": {"decision": "Approved", "grantHash": seen}}}, expect=422)


def test_an_approval_of_a_session_that_was_deleted_and_made_again_is_refused(team):
    old = team.ask()
    team.state("s1", "AwaitingApproval")
    team.call("DELETE", "agentsessions/s1", user="bob@example.com")
    team.ask(bindings=[{"name": "snowflake", "access": "Write"}])
    shown = team.state("s1", "AwaitingApproval")

    approval = {"decision": "Approved", "grantHash": shown["status"]["grantHash"]}
    team.patch("s1", {"metadata": {"uid": old["metadata"]["uid"]}, "spec": {"approval": approval}}, expect=422)


def test_deleting_a_live_session_ends_it(team, operator):
    team.active()

    status, _ = team.call("DELETE", "agentsessions/s1", user="alice@example.com")

    assert status == 200
    assert team.session()["code"] == 404


def test_the_newest_session_of_a_pod_takes_the_place_of_the_older(team, bed):
    pod = bed.cluster.create_pod(team.namespace, "agent-0", "agent")
    agent = {"serviceAccountName": "agent", "podUID": pod["metadata"]["uid"]}
    team.active("older", agent=agent)

    team.active("newer", agent=agent)

    assert "newer" in team.state("older", "Ended")["status"]["message"]
    assert team.session("newer")["status"]["state"] == "Active"


def test_the_newest_shared_session_takes_the_place_of_the_older(team):
    agent = {"serviceAccountName": "agent", "shared": True}
    team.active("older", agent=agent)
    team.active("newer", agent=agent)

    team.state("older", "Ended")


def test_sessions_of_different_pods_live_side_by_side(team, bed):
    for name in ("one", "two"):
        pod = bed.cluster.create_pod(team.namespace, name, "agent")
        team.active(name, agent={"serviceAccountName": "agent", "podUID": pod["metadata"]["uid"]})

    assert {team.session(name)["status"]["state"] for name in ("one", "two")} == {"Active"}


def test_of_a_burst_of_an_agents_own_requests_only_the_cap_is_shown_to_people(team):
    agent = team.let_agent_ask()
    for number in range(12):
        team.ask(f"r{number}", user=agent, reason=f"Again {number}")

    for number in range(12):
        team.session_until(f"r{number}", lambda each: "state" in each.get("status", {}))
    states = [team.session(f"r{number}")["status"]["state"] for number in range(12)]

    assert states.count("AwaitingApproval") == 5
    assert states.count("TooManyRequests") == 7
    team.ask("by-a-person")
    team.state("by-a-person", "AwaitingApproval")


def test_an_agent_cannot_ask_for_a_shared_session_by_itself(team):
    agent = team.let_agent_ask()

    refused = team.ask(user=agent, agent={"serviceAccountName": "agent", "shared": True}, expect=422)

    assert "shared" in refused["message"]


def test_two_approvers_at_once_make_one_decision(team):
    team.ask()
    shown = team.state("s1", "AwaitingApproval")
    approval = {"decision": "Approved", "grantHash": shown["status"]["grantHash"]}
    answers = []

    def decide(spec):
        answers.append(
            team.call(
                "PATCH",
                "agentsessions/s1",
                {"spec": {"approval": spec}},
                user="alice@example.com",
                content_type="application/merge-patch+json",
            )[0]
        )

    threads = [threading.Thread(target=decide, args=(each,)) for each in (approval, {"decision": "Denied"})]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert answers.count(200) == 1
    ended = team.session_until("s1", lambda each: each["status"]["state"] in ("Active", "Denied"))
    expected = "Active" if ended["spec"]["approval"]["decision"] == "Approved" else "Denied"
    assert ended["status"]["state"] == expected


def test_an_event_tells_of_each_turn(team):
    team.active()

    def reasons():
        _, events = team.bed.cluster.request("GET", f"/apis/events.k8s.io/v1/namespaces/{team.namespace}/events")
        return {each["reason"] for each in events["items"] if each["regarding"]["name"] == "s1"}

    from_time = threading.Event()
    for _ in range(200):
        if {"AwaitingApproval", "Activated"} <= reasons():
            break
        from_time.wait(0.02)
    assert {"AwaitingApproval", "Activated"} <= reasons()
