"""Policies are in force, or nothing is activated (invariant 2)."""

import copy
import time
from datetime import UTC, datetime, timedelta

import pytest

from cluster import product
from pipes_api import manifests

pytestmark = pytest.mark.apiserver

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
POLICIES = f"{ADMISSION}/validatingadmissionpolicies"
BINDINGS = f"{ADMISSION}/validatingadmissionpolicybindings"
APPROVAL = "approval.agentsessions.pipesmcp.io"
MERGE = "application/merge-patch+json"


@pytest.fixture(autouse=True)
def _policies_are_put_back(bed, _shared):
    yield
    while _shared:
        _shared.pop().stop()
    for shipped in manifests.policies():
        # Applied over a patch of another's, a field would stay.
        path = f"{ADMISSION}/{shipped['kind'].lower().removesuffix('y')}{'ies' if shipped['kind'][-1] == 'y' else 's'}"
        path = f"{path}/{shipped['metadata']['name']}"
        _, live = bed.cluster.request("GET", path)
        if manifests.same_spec(shipped, live) is not None:
            bed.cluster.request("DELETE", path)
    bed.cluster.apply(*manifests.policies(), *manifests.crds())
    product.await_policies(bed.cluster)
    # The next operator dates this change by its start, in whole seconds, and ends what may be older.
    _shared.append(bed.start())
    time.sleep(2.1)


def remove_approval_policy(bed, team):
    """Returns when the API server takes approvals from anybody."""
    bed.cluster.request("DELETE", f"{BINDINGS}/{APPROVAL}")
    until_unguarded(bed, team.namespace)


def until_unguarded(bed, namespace):
    probe = {
        "apiVersion": "pipesmcp.io/v1alpha1",
        "kind": "AgentSession",
        "metadata": {"name": "probe"},
        "spec": {
            "agent": {"serviceAccountName": "probe"},
            "bindings": [{"name": "probe"}],
            "duration": "1m",
            "reason": "Is it gone?",
            "approval": {"decision": "Approved"},
        },
    }
    path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{namespace}/agentsessions?dryRun=All"
    for _ in range(500):
        if bed.cluster.request("POST", path, probe, user="bob@example.com")[0] == 201:
            return
    raise AssertionError("the policy is still in force")


def test_an_approval_forged_while_the_policy_was_away_gives_nothing_now_or_later(bed, team):
    team.ask()
    shown = team.state("s1", "AwaitingApproval")
    remove_approval_policy(bed, team)

    # Bob may not approve, and writes another's name.
    forged = {"decision": "Approved", "by": "alice@example.com", "grantHash": shown["status"]["grantHash"]}
    team.patch("s1", {"spec": {"approval": forged}}, user="bob@example.com")

    held = team.session_until("s1", lambda each: "not in force" in each["status"].get("message", ""))
    assert held["status"]["state"] == "AwaitingApproval"
    assert APPROVAL in held["status"]["message"]

    bed.cluster.apply(*manifests.policies())
    product.await_policies(bed.cluster)
    ended = team.session_until("s1", lambda each: each["status"]["state"] != "AwaitingApproval", 30)
    assert ended["status"]["state"] == "PolicyChanged"


def test_a_request_made_after_the_policies_returned_can_be_approved(bed, team):
    remove_approval_policy(bed, team)
    bed.cluster.apply(*manifests.policies())
    product.await_policies(bed.cluster)

    # The change is dated by whole seconds, and looked for every few.
    for attempt in range(20):
        team.ask(f"s{attempt}")
        shown = team.state(f"s{attempt}", "AwaitingApproval")
        status, _ = team.call(
            "PATCH",
            f"agentsessions/s{attempt}",
            {"spec": {"approval": {"decision": "Approved", "grantHash": shown["status"]["grantHash"]}}},
            user="alice@example.com",
            content_type=MERGE,
        )
        assert status in (200, 422)  # 422: it has ended as PolicyChanged already
        ended = team.session_until(f"s{attempt}", lambda each: each["status"]["state"] != "AwaitingApproval", 30)
        if ended["status"]["state"] == "Active":
            return
        assert ended["status"]["state"] == "PolicyChanged"
    raise AssertionError("no session became Active")


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (f"{POLICIES}/{APPROVAL}", {"spec": {"failurePolicy": "Ignore"}}),
        (f"{BINDINGS}/{APPROVAL}", {"spec": {"validationActions": ["Audit"]}}),
        (
            f"{BINDINGS}/{APPROVAL}",
            {"spec": {"matchResources": {"namespaceSelector": {"matchLabels": {"guarded": "yes"}}}}},
        ),
        (f"{POLICIES}/status.agentsessions.pipesmcp.io", {"spec": {"validations": [{"expression": "true"}]}}),
    ],
    ids=["failure is ignored", "refusal only audited", "one namespace exempt", "another policy emptied"],
)
def test_an_altered_policy_stops_every_activation(bed, team, path, change):
    team.ask()
    team.state("s1", "AwaitingApproval")
    status, _ = bed.cluster.request("PATCH", path, change, content_type=MERGE)
    assert status == 200

    held = team.session_until("s1", lambda each: "differs from this version" in each["status"].get("message", ""), 20)

    name = path.rsplit("/", 1)[1]
    assert name in held["status"]["message"]
    assert held["status"]["state"] == "AwaitingApproval"


def test_a_change_while_the_operator_was_down_is_not_hidden_by_its_restart(bed, own_operator):
    operator = own_operator()
    team = bed.team()
    team.bind()
    team.ready()
    team.ask()
    shown = team.state("s1", "AwaitingApproval")
    operator.kill()
    remove_approval_policy(bed, team)
    forged = {"decision": "Approved", "by": "alice@example.com", "grantHash": shown["status"]["grantHash"]}
    team.patch("s1", {"spec": {"approval": forged}}, user="bob@example.com")
    bed.cluster.apply(*manifests.policies())
    product.await_policies(bed.cluster)

    own_operator()

    ended = team.session_until("s1", lambda each: each["status"]["state"] != "AwaitingApproval", 20)
    assert ended["status"]["state"] == "PolicyChanged"


def test_a_crd_that_lacks_a_field_of_this_version_stops_every_activation(bed, own_operator):
    (crd, _) = manifests.crds()
    older = copy.deepcopy(crd)
    spec = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"]["approval"]["properties"]["limits"]
    spec["x-kubernetes-validations"] = [
        each for each in spec["x-kubernetes-validations"] if "approval.limits" not in each["rule"]
    ]
    bed.cluster.apply(older)
    own_operator()
    team = bed.team()
    team.bind()
    team.ready()
    team.ask()

    def names_the_crd(session):
        return "CustomResourceDefinition" in session.get("status", {}).get("message", "")

    held = team.session_until("s1", names_the_crd, 20)

    assert "agentsessions.pipesmcp.io" in held["status"]["message"]
    team.approve()
    held = team.session_until("s1", lambda each: each["status"].get("approvedAt"), 20)
    assert held["status"]["state"] == "AwaitingApproval"
    assert "not in force" in held["status"]["message"]


def test_an_active_status_forged_while_the_status_policy_was_away_gives_nothing(bed, team):
    team.ask()
    shown = team.state("s1", "AwaitingApproval")
    bed.cluster.request("DELETE", f"{BINDINGS}/status.agentsessions.pipesmcp.io")
    now = datetime.now(UTC)
    status = {
        **shown["status"],
        "state": "Active",
        "activatedAt": now.isoformat(),
        "expiresAt": (now + timedelta(minutes=15)).isoformat(),
    }

    def forge():
        body = {"status": status}
        return team.call("PATCH", "agentsessions/s1/status", body, user="admin", content_type=MERGE)[0] == 200

    for _ in range(500):
        if forge():
            break

    ended = team.session_until("s1", lambda each: each["status"]["state"] not in ("Active", "AwaitingApproval"))
    assert ended["status"]["state"] == "Ended"
    assert "nobody approved it" in ended["status"]["message"]
