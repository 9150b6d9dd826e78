"""Who may decide about a request, and what exactly (policy `approval`; narrowing by the rules of the CRD)."""

import threading
from typing import Any

import pytest

from cluster import product
from policies.stage import (
    ADMIN,
    AGENT,
    ALICE,
    BOB,
    DAVE,
    GRANT_HASH,
    OPERATOR,
    OTHER_HASH,
    ROBOT,
    Answer,
    Stage,
    check,
)

pytestmark = pytest.mark.apiserver

NOT_A_PERSON = "only a person can approve a session, never a service account or a system user"

WHO: list[tuple[str, str, str | None]] = [
    ("an approver", ALICE, None),
    ("a cluster admin", ADMIN, None),
    ("the person some distributions call system:admin", "system:admin+system:authenticated", None),
    ("the agent itself", AGENT, NOT_A_PERSON),
    ("a service account that holds approve", ROBOT, NOT_A_PERSON),
    ("the operator", OPERATOR, "cannot patch resource"),
    ("the anonymous, given the role by mistake", "system:anonymous+system:unauthenticated", NOT_A_PERSON),
    ("a component, given the role by mistake", "system:kube-scheduler+system:authenticated", NOT_A_PERSON),
    ("a node, given the role by mistake", "system:node:n1+system:nodes+system:authenticated", NOT_A_PERSON),
    ("a requester without the verb", BOB, "bob@example.com lacks the verb approve on agentsessions in namespace"),
    ("who may approve one of two bindings", DAVE, "dave@example.com lacks the verb approve on providerbinding drive"),
    ("a stranger", "mallory@example.com", "cannot patch resource"),
]


@pytest.mark.parametrize(("what", "who", "refused"), WHO, ids=[row[0] for row in WHO])
def test_who_may_approve(stage: Stage, what: str, who: str, refused: str | None) -> None:
    name = stage.awaiting()
    check(stage.approve(who, name), refused)
    approval = stage.get("AgentSession", name)["spec"].get("approval")
    assert (approval or {}).get("by") == (None if refused else stage.user(who))


def test_a_service_account_without_its_groups_is_told_by_its_name(stage: Stage) -> None:
    check(stage.approve(f"{stage.user(ROBOT)}+system:authenticated", stage.awaiting()), NOT_A_PERSON)


def test_a_service_account_is_told_by_its_group_whatever_it_is_called(stage: Stage) -> None:
    check(
        stage.approve("alice@example.com+system:serviceaccounts+system:authenticated", stage.awaiting()), NOT_A_PERSON
    )


def test_an_approver_of_another_namespace_cannot_approve_here(stage: Stage) -> None:
    elsewhere = Stage(stage.cluster, stamping=stage.stamping)
    assert elsewhere.namespace != stage.namespace
    name = stage.awaiting()
    stranger = "erin@example.com"

    product.bind(stage.cluster, elsewhere.namespace, "pipes-approver", stranger)
    product.bind(stage.cluster, stage.namespace, "pipes-requester", stranger)
    check(stage.approve(stranger, name), "erin@example.com lacks the verb approve on agentsessions in namespace")


WHAT: list[tuple[str, dict[str, Any], str | None]] = [
    ("without its hash", {"grant_hash": None}, "spec.approval.grantHash must repeat status.grantHash"),
    ("with another's hash", {"grant_hash": OTHER_HASH}, "spec.approval.grantHash must repeat status.grantHash"),
    ("with no hash at all", {"grant_hash": "g1-\x1b[2J"}, "copy status.grantHash of the session"),
    ("in another's name", {"by": "mallory"}, "spec.approval.by must be alice@example.com"),
    ("for longer", {"duration": "2h"}, "may only shorten the duration"),
    ("for a time that is none", {"duration": "soon"}, "write hours, minutes and seconds like 15m, 1h or 1h30m"),
    ("for less than a minute", {"duration": "30s"}, "between 1m and 24h"),
    ("with more access", {"bindings": [{"name": "drive", "access": "Write"}]}, "may only narrow the bindings"),
    ("with another binding", {"bindings": [{"name": "github"}]}, "may only narrow the bindings"),
    ("with a binding that is no name", {"bindings": [{"name": "a\nb"}]}, "write the name of one of the requested bin"),
    (
        "with a tool that is no name",
        {"bindings": [{"name": "drive", "tools": ["a\nb"]}]},
        "write a tool name of letter",
    ),
    ("with no bindings", {"bindings": []}, "should have at least 1 items"),
    ("with no tools", {"bindings": [{"name": "drive", "tools": []}]}, "should have at least 1 items"),
    ("with no limits", {"limits": {}}, "should have at least 1 properties"),
    ("in a word that is none", {"decision": "Yes"}, 'supported values: "Approved", "Denied"'),
    ("shorter", {"duration": "10m"}, None),
    ("shorter by other words", {"duration": "1800s"}, None),
    ("for one binding, to read", {"bindings": [{"name": "snowflake", "access": "Read"}]}, None),
    ("for some tools", {"bindings": [{"name": "snowflake", "tools": ["snowflake_query"]}]}, None),
    ("with a budget where none was asked for", {"limits": {"maxCalls": 10}}, None),
    ("with a note", {"note": "only the sales schema"}, None),
    ("with a note that fools the eye", {"note": "ok\x1b[2J"}, "write one line of plain text"),
]


@pytest.mark.parametrize(("what", "approval", "refused"), WHAT, ids=[row[0] for row in WHAT])
def test_what_may_be_approved(stage: Stage, what: str, approval: dict[str, Any], refused: str | None) -> None:
    check(stage.approve(ALICE, stage.awaiting(), **approval), refused)


NARROWING: list[tuple[str, dict[str, Any], dict[str, Any], str | None]] = [
    ("limits raised", {"limits": {"maxCalls": 5}}, {"limits": {"maxCalls": 100}}, "may only lower the limits"),
    ("limits lowered", {"limits": {"maxCalls": 5}}, {"limits": {"maxCalls": 2}}, None),
    ("writes raised", {"limits": {"maxWrites": 0}}, {"limits": {"maxWrites": 1}}, "may only lower the limits"),
    (
        "tools left open where the request named some",
        {"bindings": [{"name": "drive", "tools": ["search"]}]},
        {"bindings": [{"name": "drive"}]},
        "may only narrow the tools",
    ),
    (
        "a tool that was not asked for",
        {"bindings": [{"name": "drive", "tools": ["search"]}]},
        {"bindings": [{"name": "drive", "tools": ["search", "upload"]}]},
        "may only narrow the tools",
    ),
    (
        "one of the tools asked for",
        {"bindings": [{"name": "drive", "tools": ["search", "read"]}]},
        {"bindings": [{"name": "drive", "tools": ["read"]}]},
        None,
    ),
]


@pytest.mark.parametrize(("what", "asked", "approval", "refused"), NARROWING, ids=[row[0] for row in NARROWING])
def test_an_approval_only_narrows(
    stage: Stage, what: str, asked: dict[str, Any], approval: dict[str, Any], refused: str | None
) -> None:
    check(stage.approve(ALICE, stage.awaiting(**asked), **approval), refused)


def test_access_left_out_means_as_requested_and_is_stored_so(stage: Stage) -> None:
    name = stage.awaiting(bindings=[{"name": "snowflake", "access": "Write"}])
    check(stage.approve(ALICE, name, bindings=[{"name": "snowflake"}]), None)
    assert stage.get("AgentSession", name)["spec"]["approval"]["bindings"] == [{"name": "snowflake"}]


def test_who_may_approve_one_binding_narrows_to_it(stage: Stage) -> None:
    name = stage.awaiting()
    approval = {"decision": "Approved", "grantHash": GRANT_HASH, "bindings": [{"name": "snowflake", "access": "Read"}]}
    check(stage.apply(DAVE, stage.document("AgentSession", name, {"approval": approval}), dry_run=True), None)


def test_sixteen_bindings_are_each_looked_at(stage: Stage) -> None:
    bindings = [{"name": "snowflake"}] + [{"name": f"b{number}"} for number in range(15)]
    name = stage.awaiting(bindings=bindings)
    check(stage.approve(DAVE, name), "dave@example.com lacks the verb approve on providerbinding b0")
    last = [{"name": "snowflake"}] * 1 + [{"name": "b14"}]
    check(stage.approve(DAVE, name, bindings=last), "lacks the verb approve on providerbinding b14")
    check(stage.approve(ALICE, name), None)
    too_many = [*bindings, {"name": "b15"}]
    check(stage.create(BOB, stage.session(stage.name(), bindings=too_many)), "must have at most 16 items")


def test_denying_takes_no_hash_and_no_right_to_the_bindings(stage: Stage) -> None:
    check(stage.approve(ALICE, stage.awaiting(), grant_hash=None, decision="Denied", note="not now"), None)
    check(stage.approve(DAVE, stage.awaiting(), grant_hash=None, decision="Denied"), None)
    check(stage.approve(BOB, stage.awaiting(), grant_hash=None, decision="Denied"), "lacks the verb approve")
    check(stage.approve(ROBOT, stage.awaiting(), grant_hash=None, decision="Denied"), NOT_A_PERSON)


def test_the_same_manifest_again_changes_nothing(stage: Stage) -> None:
    name = stage.awaiting()
    narrowed: dict[str, Any] = {
        "duration": "10m",
        "bindings": [{"name": "snowflake", "access": "Read"}],
        "note": "only reads",
    }
    check(stage.approve(ALICE, name, **narrowed), None)
    before = stage.get("AgentSession", name)
    check(stage.approve(ALICE, name, **narrowed), None)
    assert stage.get("AgentSession", name)["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_a_decision_is_final(stage: Stage) -> None:
    name = stage.approved()
    final = "approval is written once"
    check(stage.approve(ALICE, name, decision="Denied"), final)
    check(stage.edit(ALICE, "AgentSession", name, {"op": "remove", "path": "/spec/approval"}), final)
    check(
        stage.edit(ALICE, "AgentSession", name, {"op": "add", "path": "/spec/approval/duration", "value": "1m"}), final
    )
    check(stage.edit(ALICE, "AgentSession", name, {"op": "replace", "path": "/spec/approval/by", "value": BOB}), final)
    body = stage.get("AgentSession", name)
    body["spec"]["approval"]["decision"] = "Denied"
    check(stage.call(ALICE, "PUT", f"{stage.path(body)}/{name}", body), final)
    check(stage.merge(ALICE, "AgentSession", name, {"duration": "8h"}), "duration cannot change")


def test_a_denial_is_final_too(stage: Stage) -> None:
    name = stage.awaiting()
    check(stage.approve(ALICE, name, grant_hash=None, decision="Denied"), None)
    check(stage.approve(ALICE, name), "approval is written once")


def test_approval_comes_alone(stage: Stage) -> None:
    approval = {"decision": "Approved", "grantHash": GRANT_HASH}
    both = {"approval": approval, "revocation": {"reason": "x"}}
    check(stage.merge(ALICE, "AgentSession", stage.awaiting(), both), "approve or revoke, not both at once")
    longer = {"approval": approval, "duration": "8h"}
    check(stage.merge(ALICE, "AgentSession", stage.awaiting(), longer), "duration cannot change")


def test_the_uid_of_another_object_is_not_approved(stage: Stage) -> None:
    document = stage.document(
        "AgentSession", stage.awaiting(), {"approval": {"decision": "Approved", "grantHash": GRANT_HASH}}
    )
    document["metadata"]["uid"] = "11111111-1111-1111-1111-111111111111"
    check(stage.apply(ALICE, document), "uid")


@pytest.mark.parametrize("state", [None, "Pending", "Active", "RequestTimedOut", "Withdrawn", "GrantChanged"])
def test_only_what_awaits_approval_can_be_decided(stage: Stage, state: str | None) -> None:
    name = stage.name()
    check(stage.create(BOB, stage.session(name)), None)
    if state:
        check(stage.set_status(name, state=state, grantHash=GRANT_HASH), None)
    late = "only a session that awaits approval can be decided; ask for a new one"
    check(stage.approve(ALICE, name), late)
    check(stage.approve(ALICE, name, grant_hash=None, decision="Denied"), late)


def test_what_is_being_deleted_is_not_approved(stage: Stage) -> None:
    # Only the operator could set a finalizer; it sets none, but a policy that was away for a moment lets one in.
    name = stage.name()
    document = stage.session(name, requestedBy="x")
    document["metadata"]["finalizers"] = ["example.com/hold"]
    check(stage.create(OPERATOR, document), None)
    check(stage.set_status(name, state="AwaitingApproval", grantHash=GRANT_HASH), None)
    check(stage.delete(ALICE, "AgentSession", name), None)
    check(stage.approve(ALICE, name), "the session is being deleted")
    check(stage.edit(ADMIN, "AgentSession", name, {"op": "remove", "path": "/metadata/finalizers"}), None)


def test_the_approver_is_stamped(stamped: Stage) -> None:
    name = stamped.awaiting()
    check(stamped.approve(ALICE, name), None)
    assert stamped.get("AgentSession", name)["spec"]["approval"]["by"] == ALICE


def test_where_nothing_is_stamped_the_refusal_says_what_to_write(unstamped: Stage) -> None:
    name = unstamped.awaiting()
    approval = {"approval": {"decision": "Approved", "grantHash": GRANT_HASH}}
    check(
        unstamped.merge(ALICE, "AgentSession", name, approval, write_names=False), "spec.approval.by must be alice@ex"
    )
    check(unstamped.merge(ALICE, "AgentSession", name, approval), None)


def test_of_two_who_decide_at_once_one_wins_for_ever(stage: Stage) -> None:
    """Two hundred times: one approves while another denies, both as merge patches that need no resourceVersion."""
    decisions = {ALICE: {"decision": "Approved", "grantHash": GRANT_HASH}, ADMIN: {"decision": "Denied"}}
    winners: set[str] = set()
    for _ in range(200):
        name = stage.awaiting()
        answers: dict[str, Answer] = {}
        start = threading.Barrier(2)

        def decide(who: str, name: str = name, answers: dict[str, Answer] = answers, start: Any = start) -> None:
            start.wait()
            answers[who] = stage.merge(who, "AgentSession", name, {"approval": decisions[who]})

        threads = [threading.Thread(target=decide, args=(who,)) for who in decisions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = [who for who, answer in answers.items() if answer.accepted]
        (loser,) = decisions.keys() - {winner}
        assert answers[loser].status in (409, 422), answers[loser].message
        approval = stage.get("AgentSession", name)["spec"]["approval"]
        assert (approval["by"], approval["decision"]) == (winner, decisions[winner]["decision"])
        winners.add(winner)
    assert winners == {ALICE, ADMIN}, "the race was always won by the same: it was none"
