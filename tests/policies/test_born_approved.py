"""A session that its approver creates already approved, and names that somebody else took first."""

from typing import Any

import pytest

from policies.stage import ADMIN, AGENT, ALICE, BOB, GRANT_HASH, OPERATOR, OTHER_HASH, Stage, check

pytestmark = pytest.mark.apiserver

HASH = "spec.approval.grantHash must repeat status.grantHash of what you reviewed: kubectl get agentsession"
APPROVED = {"approval": {"decision": "Approved"}}

WHO: list[tuple[str, str, dict[str, Any], str | None]] = [
    ("an approver", ALICE, APPROVED, None),
    ("an approver, narrowed", ALICE, {"approval": {"decision": "Approved", "duration": "5m"}}, None),
    (
        "with a grantHash",
        ALICE,
        {"approval": {"decision": "Approved", "grantHash": GRANT_HASH}},
        "a session created already approved carries no grantHash",
    ),
    ("a requester", BOB, APPROVED, "bob@example.com lacks the verb approve"),
    (
        "a requester in an approver's name",
        BOB,
        {"approval": {"decision": "Approved", "by": ALICE}},
        "bob@example.com lacks the verb approve",
    ),
    ("the agent", AGENT, {"approval": {"decision": "Approved", "by": ALICE}}, "only a person can approve"),
    ("the operator", OPERATOR, {"approval": {"decision": "Approved", "by": ALICE}}, "only a person can approve"),
    ("an admin in an approver's name", ADMIN, {"approval": {"decision": "Approved", "by": ALICE}}, "must be admin"),
    ("and revoked at once", ALICE, {**APPROVED, "revocation": {}}, "approve or revoke, not both at once"),
]


@pytest.mark.parametrize(("what", "who", "spec", "refused"), WHO, ids=[row[0] for row in WHO])
def test_who_may_create_it_approved(
    stage: Stage, what: str, who: str, spec: dict[str, Any], refused: str | None
) -> None:
    check(stage.create(who, stage.session(stage.name(), **spec)), refused)


def test_the_approver_applies_it_and_applies_it_again(stage: Stage) -> None:
    name = stage.name()
    check(stage.apply(ALICE, stage.session(name, **APPROVED), creates=True), None)
    assert stage.get("AgentSession", name)["spec"]["approval"]["by"] == ALICE
    check(stage.apply(ALICE, stage.session(name, **APPROVED), creates=True), None)


def test_it_does_not_land_on_a_wider_one_that_took_its_name(stage: Stage) -> None:
    agent = {"serviceAccountName": AGENT, "shared": True}
    taken = {"agent": agent, "bindings": [{"name": "drive", "access": "Write"}], "limits": {"maxCalls": 9}}
    name = stage.awaiting(asked_by=BOB, grant_hash=OTHER_HASH, **taken)
    # Applied server-side, maps and lists of both merge: what her manifest does not say stays as he wrote it.
    check(stage.apply(ALICE, stage.session(name, bindings=[{"name": "snowflake"}], **APPROVED)), "cannot change")
    # And where all that it says is there already, nothing but the hash stands against it.
    check(stage.apply(ALICE, stage.session(name, bindings=[{"name": "drive", "access": "Write"}], **APPROVED)), HASH)
    assert "approval" not in stage.get("AgentSession", name)["spec"]


def test_the_dry_run_with_which_the_operator_asks_whether_the_policy_is_in_force(stage: Stage) -> None:
    answer = stage.create(OPERATOR, stage.session("canary", requestedBy="x", **APPROVED), dry_run=True)
    check(answer, "ValidatingAdmissionPolicy 'approval.agentsessions.pipesmcp.io' with binding")
    assert stage.create(OPERATOR, stage.session("canary", requestedBy="x"), dry_run=True).accepted, (
        "nothing else refuses"
    )
