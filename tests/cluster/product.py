"""The product's CRDs, policies and roles on a control plane, and people with rights."""

import time
from collections.abc import Mapping
from typing import Any

from pipes_api import manifests, names

from .api import service_account
from .cluster import Cluster
from .errors import ClusterError

_RBAC = "rbac.authorization.k8s.io"
_SESSIONS = f"/apis/{names.API_VERSION}/namespaces/default/{names.SESSIONS}?dryRun=All"
_IN_FORCE_WITHIN = 20.0


def install(cluster: Cluster, operator: str = manifests.OPERATOR, *, stamping: bool = True) -> None:
    """Applies everything of `manifests.load` and returns when the policies are in force (about a second)."""
    cluster.apply(*manifests.load(operator, stamping=stamping))
    await_policies(cluster, operator, stamping=stamping)


def await_policies(cluster: Cluster, operator: str = manifests.OPERATOR, *, stamping: bool = True) -> None:
    """Returns when the policies that were applied are in force; the API server takes them up a moment later."""
    _, _, namespace, name = operator.split(":")
    token = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token?dryRun=All"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
    ours = {**request, "spec": {"audiences": [names.OPERATOR_AUDIENCE]}}
    agent = {"serviceAccountName": "probe"}
    spec = {"agent": agent, "bindings": [{"name": "probe"}], "duration": "1m", "reason": "Is it stamped?"}
    session = {"apiVersion": names.API_VERSION, "kind": "AgentSession", "metadata": {"name": "probe"}, "spec": spec}
    deadline = time.monotonic() + _IN_FORCE_WITHIN
    while True:
        # Policies are taken up in the order in which they were written, and this is the last one.
        _, refused = cluster.request("POST", token, ours)
        _, made = cluster.request("POST", _SESSIONS, session)
        stamped = "requestedBy" in made.get("spec", {})
        if "tokens.serviceaccounts" in refused.get("message", "") and stamped == stamping:
            return
        if time.monotonic() > deadline:
            raise ClusterError(f"the admission policies are not in force: {refused}, {made}")
        time.sleep(0.05)


def bind(cluster: Cluster, namespace: str | None, role: str, *subjects: str) -> None:
    """Binds a ClusterRole in that namespace (None: everywhere) to users, or ServiceAccounts as `namespace/name`.

    Returns when the API server's authorizer, which reads bindings from a watch of its own, goes by it.
    """
    name = f"{role}-{len(subjects)}-{abs(hash(subjects)) % 10**8}"
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role}
    document = {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata}
    cluster.apply({**document, "roleRef": reference, "subjects": [_subject(each) for each in subjects]})
    _await_right(cluster, namespace, role, subjects[0])


def _await_right(cluster: Cluster, namespace: str | None, role: str, subject: str) -> None:
    _, body = cluster.request("GET", f"/apis/{_RBAC}/v1/clusterroles/{role}")
    rule = body["rules"][-1]
    plural, _, subresource = rule["resources"][-1].partition("/")
    attributes = {
        "namespace": namespace or "",
        "group": rule["apiGroups"][-1],
        "resource": plural,
        "subresource": subresource,
        "verb": rule["verbs"][-1],
        "name": rule.get("resourceNames", [""])[-1],
    }
    user = service_account(*subject.split("/"))[0] if "/" in subject else subject
    spec = {"user": user, "resourceAttributes": attributes}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    deadline = time.monotonic() + 10
    while True:
        _, answer = cluster.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        if answer["status"]["allowed"]:
            return
        if time.monotonic() > deadline:
            raise ClusterError(f"{role} was bound to {subject}, but does not allow {attributes}")
        time.sleep(0.01)


def allow(cluster: Cluster, role: str, *rules: Mapping[str, Any]) -> None:
    """Makes a ClusterRole with those rules."""
    document = {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": role}}
    cluster.apply({**document, "rules": list(rules)})


def allow_connect(cluster: Cluster, user: str, *owners: str) -> None:
    """Gives `user` the right to lend the connections of these Pipes users or organizations."""
    role = f"connect-{'-'.join(owners).replace('_', '-').lower()}"
    rule = {"apiGroups": [names.GROUP], "resources": ["pipesconnections"], "resourceNames": list(owners)}
    allow(cluster, role, {**rule, "verbs": ["connect"]})
    bind(cluster, None, role, user)


def _subject(name: str) -> dict[str, str]:
    if "/" in name:
        namespace, account = name.split("/")
        return {"kind": "ServiceAccount", "namespace": namespace, "name": account}
    return {"apiGroup": _RBAC, "kind": "User", "name": name}
