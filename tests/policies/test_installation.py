"""What is installed is what was shipped, and gives nobody more than it says."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from cluster import Cluster, product
from pipes_api import manifests
from policies.stage import ADMIN, ALICE, BOB, OPERATOR, Stage, check

pytestmark = pytest.mark.apiserver

PLURALS = {
    "CustomResourceDefinition": "customresourcedefinitions",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "mutatingadmissionpolicybindings",
}
COMPARED = [document for document in manifests.load() if document["kind"] in PLURALS]


def title(document: dict[str, Any]) -> str:
    return f"{document['kind']}-{document['metadata']['name']}"


def path_of(document: dict[str, Any]) -> str:
    return f"/apis/{document['apiVersion']}/{PLURALS[document['kind']]}/{document['metadata']['name']}"


@pytest.mark.parametrize("document", COMPARED, ids=title)
def test_the_server_holds_what_was_shipped(pipes_cluster: Cluster, document: dict[str, Any]) -> None:
    status, live = pipes_cluster.request("GET", path_of(document))
    assert status == 200
    assert manifests.same_spec(document, live) is None
    assert not (live.get("status") or {}).get("typeChecking", {}).get("expressionWarnings")


def test_no_rule_of_the_crds_is_in_doubt(pipes_cluster: Cluster) -> None:
    for crd in manifests.crds():
        _, live = pipes_cluster.request("GET", path_of(crd))
        conditions = {each["type"]: each["status"] for each in live["status"]["conditions"]}
        assert conditions.get("NonStructuralSchema", "False") == "False"
        assert conditions["Established"] == "True"


TAMPERED: list[tuple[str, dict[str, Any], str]] = [
    (
        "ValidatingAdmissionPolicyBinding",
        {"matchResources": {"namespaceSelector": {"matchLabels": {"exempt": "no"}}}},
        "spec.matchResources",
    ),
    ("ValidatingAdmissionPolicyBinding", {"validationActions": ["Warn"]}, "spec.validationActions[0]"),
    ("ValidatingAdmissionPolicy", {"failurePolicy": "Ignore"}, "spec.failurePolicy"),
    (
        "ValidatingAdmissionPolicy",
        {"matchConditions": [{"name": "never", "expression": "false"}]},
        "spec.matchConditions[0].expression",
    ),
]


@pytest.mark.parametrize(("kind", "change", "where"), TAMPERED, ids=[row[2] for row in TAMPERED])
def test_tampering_is_found_in_what_the_server_says(
    kind: str, change: dict[str, Any], where: str, stamped: Stage
) -> None:
    (document,) = [
        each for each in COMPARED if each["kind"] == kind and each["metadata"]["name"].startswith("approval.")
    ]
    # A dry run: the answer is the object as the server would hold it, defaults and all.
    path = f"{path_of(document)}?dryRun=All"
    answer = stamped.call(ADMIN, "PATCH", path, {"spec": change}, "application/merge-patch+json")
    check(answer, None)
    found = manifests.same_spec(document, answer.body)
    assert found == where


def can(cluster: Cluster, user: str, groups: Sequence[str], verb: str, resource: str, **attributes: str) -> bool:
    group, _, plural = resource.rpartition("/")
    plural, _, subresource = plural.partition(":")
    wanted = {"group": group, "resource": plural, "subresource": subresource, "verb": verb, **attributes}
    spec = {"user": user, "groups": list(groups), "resourceAttributes": wanted}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    status, answer = cluster.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    assert status == 201
    return bool(answer["status"]["allowed"])


def aggregated(cluster: Cluster, role: str) -> list[dict[str, Any]]:
    """The rules of a built-in role as the controller that is not running here would put them together."""
    collection = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    _, body = cluster.request("GET", f"{collection}/{role}")
    _, every = cluster.request("GET", collection)
    selectors = [each["matchLabels"] for each in body["aggregationRule"]["clusterRoleSelectors"]]
    chosen = [
        each["rules"] or aggregated(cluster, each["metadata"]["name"])
        for each in every["items"]
        if any(selector.items() <= each["metadata"].get("labels", {}).items() for selector in selectors)
    ]
    return [rule for rules in chosen for rule in rules]


@pytest.mark.parametrize("role", ["edit", "admin", "view"])
def test_the_built_in_roles_bring_no_right_to_our_kinds(stamped: Stage, role: str) -> None:
    cluster, user = stamped.cluster, f"{role}or@example.com"
    product.allow(cluster, f"aggregated-{role}", *aggregated(cluster, role))
    product.bind(cluster, stamped.namespace, f"aggregated-{role}", user)
    assert can(cluster, user, [], "get", "/pods", namespace=stamped.namespace)
    for resource in ("pipesmcp.io/agentsessions", "pipesmcp.io/providerbindings"):
        for verb in ("approve", "revoke", "create", "get", "patch"):
            assert not can(cluster, user, [], verb, resource, namespace=stamped.namespace)
    if role == "edit":
        tokens = f"/api/v1/namespaces/{stamped.namespace}/serviceaccounts/agent/token"
        for audience, refused in (("other", None), ("pipes-operator", "are issued to kubelets only")):
            request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
            check(stamped.call(user, "POST", tokens, {**request, "spec": {"audiences": [audience]}}), refused)


ROLES: list[tuple[str, set[str], set[str]]] = [
    ("pipes-viewer", {"get", "list", "watch"}, {"get", "list", "watch"}),
    (
        "pipes-requester",
        {"get", "list", "watch", "create", "patch", "update", "delete"},
        {"get", "list", "watch"},
    ),
    (
        "pipes-approver",
        {"get", "list", "watch", "create", "patch", "update", "delete", "approve", "revoke"},
        {"get", "list", "watch", "patch", "approve", "revoke"},
    ),
    ("pipes-connector", set(), {"get", "list", "watch", "create", "patch", "update", "delete"}),
]
VERBS = {"get", "list", "watch", "create", "patch", "update", "delete", "deletecollection", "approve", "revoke"}


@pytest.mark.parametrize(("role", "sessions", "bindings"), ROLES, ids=[row[0] for row in ROLES])
def test_what_each_role_gives(
    pipes_cluster: Cluster, namespace: str, role: str, sessions: set[str], bindings: set[str]
) -> None:
    user = f"{role}@example.com"
    product.bind(pipes_cluster, namespace, role, user)
    for resource, expected in (("agentsessions", sessions), ("providerbindings", bindings)):
        given = {
            verb for verb in VERBS if can(pipes_cluster, user, [], verb, f"pipesmcp.io/{resource}", namespace=namespace)
        }
        assert given == expected
    assert not can(pipes_cluster, user, [], "connect", "pipesmcp.io/pipesconnections", name="user_alice")
    assert not can(pipes_cluster, user, [], "patch", "pipesmcp.io/agentsessions:status", namespace=namespace)


OPERATOR_MAY: list[tuple[str, str, dict[str, str]]] = [
    ("create", "pipesmcp.io/agentsessions", {"namespace": "team-a"}),
    ("watch", "pipesmcp.io/providerbindings", {}),
    ("patch", "pipesmcp.io/agentsessions:status", {"namespace": "team-a"}),
    ("get", "/pods", {"namespace": "team-a"}),
    ("create", "/events", {"namespace": "team-a"}),
    ("create", "authentication.k8s.io/tokenreviews", {}),
    ("list", "admissionregistration.k8s.io/mutatingadmissionpolicybindings", {}),
    ("get", "apiextensions.k8s.io/customresourcedefinitions", {"name": "agentsessions.pipesmcp.io"}),
    ("update", "/secrets", {"namespace": "pipes-system", "name": "pipes-operator-signing-keys"}),
    ("update", "coordination.k8s.io/leases", {"namespace": "pipes-system", "name": "pipes-operator"}),
    ("delete", "/configmaps", {"namespace": "pipes-system"}),
]
OPERATOR_MAY_NOT: list[tuple[str, str, dict[str, str]]] = [
    ("approve", "pipesmcp.io/agentsessions", {"namespace": "team-a"}),
    ("revoke", "pipesmcp.io/agentsessions", {"namespace": "team-a"}),
    ("patch", "pipesmcp.io/agentsessions", {"namespace": "team-a"}),
    ("create", "pipesmcp.io/providerbindings", {"namespace": "team-a"}),
    ("connect", "pipesmcp.io/pipesconnections", {"name": "user_alice"}),
    ("patch", "admissionregistration.k8s.io/validatingadmissionpolicies", {}),
    ("patch", "apiextensions.k8s.io/customresourcedefinitions", {"name": "agentsessions.pipesmcp.io"}),
    ("get", "/secrets", {"namespace": "pipes-system", "name": "another"}),
    ("list", "/secrets", {"namespace": "pipes-system"}),
    ("get", "/secrets", {"namespace": "team-a", "name": "pipes-operator-signing-keys"}),
    ("create", "/serviceaccounts:token", {"namespace": "team-a"}),
    ("create", "/pods:exec", {"namespace": "team-a"}),
    ("impersonate", "/users", {}),
]


@pytest.mark.parametrize(
    ("verb", "resource", "attributes", "allowed"),
    [(*row, True) for row in OPERATOR_MAY] + [(*row, False) for row in OPERATOR_MAY_NOT],
)
def test_what_the_operator_may_do(
    pipes_cluster: Cluster, verb: str, resource: str, attributes: dict[str, str], allowed: bool
) -> None:
    groups = ["system:serviceaccounts", "system:serviceaccounts:pipes-system", "system:authenticated"]
    assert can(pipes_cluster, manifests.OPERATOR, groups, verb, resource, **attributes) is allowed


def test_the_heartbeats_are_there_and_can_be_written_by_the_operator_alone(stage: Stage) -> None:
    for document in manifests.heartbeats("pipes-system"):
        path = f"{stage.path(document).replace(stage.namespace, 'pipes-system')}/pipes-heartbeat"
        status = {"status": {"observedGeneration": 1}}
        check(stage.call(OPERATOR, "PATCH", f"{path}/status", status, "application/merge-patch+json"), None)
        check(stage.call(ADMIN, "PATCH", f"{path}/status", status, "application/merge-patch+json"), "only the operator")


def test_installing_again_changes_nothing(pipes_cluster: Cluster) -> None:
    before = [pipes_cluster.request("GET", path_of(document))[1]["metadata"] for document in COMPARED]
    product.install(pipes_cluster)
    after = [pipes_cluster.request("GET", path_of(document))[1]["metadata"] for document in COMPARED]
    assert [each["resourceVersion"] for each in before] == [each["resourceVersion"] for each in after]


def test_impersonating_is_approving(stamped: Stage) -> None:
    """Not closable by policy, and said so in the documentation: who may impersonate an approver is one."""
    rule = {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": [ALICE]}
    product.allow(stamped.cluster, "impersonator", rule)
    product.bind(stamped.cluster, None, "impersonator", BOB)
    approval = {"decision": "Approved", "grantHash": "g1-abcdefghijklmnopqrstuvwxyz"}
    name = stamped.awaiting()
    manifest = json.dumps(stamped.document("AgentSession", name, {"approval": approval}))
    arguments = ("apply", "--server-side", "-f", "-")
    stamped.cluster.run_kubectl(*arguments, user=BOB, as_user=ALICE, stdin=manifest)
    assert stamped.get("AgentSession", name)["spec"]["approval"]["by"] == ALICE
