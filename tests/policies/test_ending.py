"""Who may end a session, and who may take a request back (policies `revocation`, `lifecycle` and `status`)."""

import pytest

from cluster import product
from pipes_api import names
from policies.stage import ADMIN, AGENT, ALICE, BOB, DAVE, GRANT_HASH, OPERATOR, ROBOT, Stage, check

pytestmark = pytest.mark.apiserver

# With the rights that Kubernetes itself gives them, which hold no revoke and no connect.
CONTROLLERS = [
    "system:serviceaccount:kube-system:namespace-controller+system:authenticated",
    "system:serviceaccount:kube-system:generic-garbage-collector+system:authenticated",
]

REVOKING = [
    ("an approver", ALICE, None),
    ("a robot with the verb", ROBOT, None),
    ("a requester", BOB, "bob@example.com lacks the verb revoke"),
    ("the agent", AGENT, "lacks the verb revoke"),
    ("who may only approve", DAVE, "dave@example.com lacks the verb revoke"),
]


@pytest.mark.parametrize(("what", "who", "refused"), REVOKING, ids=[row[0] for row in REVOKING])
def test_who_may_revoke(stage: Stage, what: str, who: str, refused: str | None) -> None:
    name = stage.approved()
    check(stage.merge(who, "AgentSession", name, {"revocation": {"reason": "alarm"}}), refused)
    revocation = stage.get("AgentSession", name)["spec"].get("revocation")
    assert (revocation or {}).get("by") == (None if refused else stage.user(who))


def test_a_revocation_is_in_ones_own_name_and_final(stage: Stage) -> None:
    name = stage.approved()
    check(stage.merge(ALICE, "AgentSession", name, {"revocation": {"by": BOB}}), "spec.revocation.by must be alice@ex")
    check(stage.merge(ALICE, "AgentSession", name, {"revocation": {"reason": "a\nb"}}), "write one line of plain text")
    check(stage.merge(ALICE, "AgentSession", name, {"revocation": {"reason": "alarm"}}), None)
    final = "revocation is written once"
    check(stage.merge(ALICE, "AgentSession", name, {"revocation": {"reason": "never mind"}}), final)
    check(stage.edit(ALICE, "AgentSession", name, {"op": "remove", "path": "/spec/revocation"}), final)


def test_where_nothing_is_stamped_the_refusal_says_what_to_write(unstamped: Stage) -> None:
    name = unstamped.approved()
    answer = unstamped.merge(ROBOT, "AgentSession", name, {"revocation": {}}, write_names=False)
    check(answer, f"spec.revocation.by must be {unstamped.user(ROBOT)}")


def test_who_may_delete_a_decided_session(stage: Stage) -> None:
    name = stage.approved()
    lacks = "lacks the verb revoke on agentsessions: only an undecided request may be withdrawn, by who made it"
    check(stage.delete(BOB, "AgentSession", name), f"bob@example.com {lacks}")
    check(stage.delete(AGENT, "AgentSession", name), lacks)
    collection = stage.path(stage.session(name))
    check(stage.call(BOB, "DELETE", collection), "cannot deletecollection resource")
    check(stage.delete(ALICE, "AgentSession", name), None)


def test_deleting_them_all_takes_the_right_for_each(stage: Stage) -> None:

    sweeper = {"apiGroups": [names.GROUP], "resources": [names.SESSIONS], "verbs": ["deletecollection"]}
    product.allow(stage.cluster, "sweeper", sweeper)
    product.bind(stage.cluster, stage.namespace, "sweeper", BOB)
    name = stage.approved()
    answer = stage.call(BOB, "DELETE", stage.path(stage.session(name)) + f"?fieldSelector=metadata.name={name}")
    check(answer, "lacks the verb revoke")


def test_a_request_is_withdrawn_by_who_made_it_while_undecided(stage: Stage) -> None:
    name = stage.name()
    check(stage.create(BOB, stage.session(name)), None)
    check(stage.delete(BOB, "AgentSession", name), None)
    check(stage.delete(BOB, "AgentSession", stage.awaiting()), "lacks the verb revoke")
    name = stage.awaiting(asked_by=BOB)
    check(stage.approve(ALICE, name), None)
    check(stage.delete(BOB, "AgentSession", name), "lacks the verb revoke")


def test_the_system_may_always_clean_up(stage: Stage) -> None:
    check(stage.delete(OPERATOR, "AgentSession", stage.approved()), None)
    for controller in CONTROLLERS:
        check(stage.delete(controller, "AgentSession", stage.approved()), None)
        check(stage.delete(controller, "ProviderBinding", stage.bound()), None)


@pytest.mark.parametrize("who", [BOB, ALICE, AGENT, ADMIN, ROBOT])
def test_only_the_operator_writes_status(stage: Stage, who: str) -> None:
    refused = "only the operator writes status" if who == ADMIN else "cannot patch resource"
    name = stage.awaiting()
    check(stage.set_status(name, who=who, state="Active"), refused)
    check(stage.set_status(stage.bound(), who=who, kind="ProviderBinding", toolsHash="x"), refused)


def test_a_status_written_with_the_object_is_dropped(stage: Stage) -> None:
    document = stage.session(stage.name())
    document["status"] = {"state": "Active", "approvedBy": ALICE, "expiresAt": "2099-01-01T00:00:00Z"}
    check(stage.create(BOB, document), None)
    assert "status" not in stage.get("AgentSession", document["metadata"]["name"])
    name = document["metadata"]["name"]
    patch = {"status": {"state": "AwaitingApproval", "grantHash": GRANT_HASH}}
    check(stage.call(ALICE, "PATCH", f"{stage.path(document)}/{name}", patch, "application/merge-patch+json"), None)
    assert "status" not in stage.get("AgentSession", name)


def test_the_operator_itself_cannot_undo_an_end_or_move_the_expiry(stage: Stage) -> None:
    name = stage.approved()
    check(stage.set_status(name, state="Active", expiresAt="2030-01-01T00:00:00Z"), None)
    check(stage.set_status(name, expiresAt="2031-01-01T00:00:00Z"), "expiresAt is never moved")
    check(stage.set_status(name, expiresAt=None), "expiresAt is never moved")
    check(stage.set_status(name, state="Expired", endedAt="2030-01-01T00:00:00Z"), None)
    for state in ("Active", "AwaitingApproval", "Revoked", None):
        check(stage.set_status(name, state=state), "a session that has ended stays as it ended")
