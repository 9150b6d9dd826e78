"""Who acts in these tests, on what, and how a refusal is told from an accept."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster import Cluster, product, service_account
from pipes_api import manifests, names

Document = dict[str, Any]

GRANT_HASH = "g1-abcdefghijklmnopqrstuvwxyz"
OTHER_HASH = "g1-zzzzzzzzzzzzzzzzzzzzzzzzzz"

OPERATOR = "operator"
AGENT = "agent"
ROBOT = "robot"
ADMIN, ALICE, BOB, DAVE = "admin", "alice@example.com", "bob@example.com", "dave@example.com"
"""ALICE may approve, connect user_alice and suspend; BOB may ask and write bindings but owns no connection; DAVE may
approve with snowflake alone. ROBOT is a ServiceAccount bound to the approver role. AGENT may create sessions."""

REFUSALS = (403, 409, 422)

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    body: Any

    @property
    def accepted(self) -> bool:
        return self.status in (200, 201)

    @property
    def message(self) -> str:
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else str(self.body)


def check(answer: Answer, refused: str | None) -> None:
    """Fails unless the answer is an accept (`refused` None), or a refusal whose sentence contains `refused`."""
    if refused is None:
        assert answer.accepted, answer.message
        return
    assert answer.status in REFUSALS, f"not refused: {answer.status} {answer.message}"
    assert refused in answer.message, answer.message


class Stage:
    """A namespace with people in their roles, on a server that stamps names or one that does not.

    Where the server does not stamp, `create` and the others write the actor's own name, as a person has to;
    `stamping=False` objects that shall miss it are made with `write_names=False`.
    """

    def __init__(self, cluster: Cluster, *, stamping: bool) -> None:
        self.cluster = cluster
        self.stamping = stamping
        self.namespace = cluster.new_namespace("team")
        self._numbers = itertools.count(1)
        self._bind_people()

    # -- people --------------------------------------------------------------------------------------------------

    def _bind_people(self) -> None:
        cluster, namespace = self.cluster, self.namespace
        sessions = {"apiGroups": [names.GROUP], "resources": [names.SESSIONS]}
        bindings = {"apiGroups": [names.GROUP], "resources": [names.BINDINGS]}
        narrow = {**bindings, "resourceNames": ["snowflake"], "verbs": ["approve"]}
        verbs = ["create", "get", "list", "watch", "patch", "update", "approve"]
        product.allow(cluster, "narrow-approver", {**sessions, "verbs": verbs}, narrow)
        minter = {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}
        product.allow(cluster, "token-minter", minter)
        product.bind(cluster, namespace, "pipes-requester", BOB, f"{namespace}/{AGENT}")
        product.bind(cluster, namespace, "pipes-approver", ALICE, f"{namespace}/{ROBOT}")
        # By mistake: these must not be able to approve all the same.
        careless = ["system:anonymous", "system:kube-scheduler", "system:node:n1", "system:admin"]
        product.bind(cluster, namespace, "pipes-approver", *careless)
        product.bind(cluster, namespace, "narrow-approver", DAVE)
        product.bind(cluster, namespace, "pipes-connector", ALICE, BOB)
        product.allow_connect(cluster, ALICE, "user_alice")
        product.bind(cluster, namespace, "token-minter", BOB, "system:node:n1")
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": AGENT, "namespace": namespace}}
        cluster.apply(account)

    def user(self, who: str) -> str:
        """The user name that the API server knows `who` by."""
        if who == OPERATOR:
            return manifests.OPERATOR
        if who in (AGENT, ROBOT):
            return service_account(self.namespace, who)[0]
        return who.split("+")[0]

    def _identity(self, who: str) -> dict[str, Any]:
        """People come with their own certificate; machines, and `user+group+…`, are impersonated by admin."""
        if who == OPERATOR:
            user, groups = service_account("pipes-system", "operator")
        elif who in (AGENT, ROBOT):
            user, groups = service_account(self.namespace, who)
        elif "+" in who or who.startswith("system:"):
            user, *rest = who.split("+")
            groups = tuple(rest)
        else:
            return {"user": who}
        return {"as_user": user, "as_groups": groups}

    # -- documents -----------------------------------------------------------------------------------------------

    def name(self) -> str:
        """A name that no object of this stage has."""
        return f"s{next(self._numbers)}"

    def session(self, name: str, **spec: Any) -> Document:
        """A valid AgentSession with `spec` over it."""
        bindings = [{"name": "snowflake", "access": "Write"}, {"name": "drive"}]
        usual = {
            "agent": {"serviceAccountName": AGENT},
            "bindings": bindings,
            "duration": "30m",
            "reason": "quarterly numbers",
        }
        return self.document("AgentSession", name, {**usual, **spec})

    def binding(self, name: str, **spec: Any) -> Document:
        """A valid ProviderBinding of user_alice's connection with `spec` over it."""
        usual = {"provider": "snowflake", "connection": {"userId": "user_alice"}}
        return self.document("ProviderBinding", name, {**usual, **spec})

    def document(self, kind: str, name: str, spec: Mapping[str, Any]) -> Document:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": metadata, "spec": dict(spec)}

    def _named(self, who: str, document: Document, *, creates: bool) -> Document:
        """The document with the actor's name wherever a server without stamping wants it written."""
        if self.stamping or document["kind"] != "AgentSession" or who == OPERATOR:
            return document
        named: Document = json.loads(json.dumps(document))
        spec = named["spec"]
        if creates:
            spec.setdefault("requestedBy", self.user(who))
        for part in ("approval", "revocation"):
            if isinstance(spec.get(part), dict):
                spec[part].setdefault("by", self.user(who))
        return named

    # -- acts ----------------------------------------------------------------------------------------------------

    def path(self, document: Document) -> str:
        plural = names.SESSIONS if document["kind"] == "AgentSession" else names.BINDINGS
        return f"/apis/{names.API_VERSION}/namespaces/{self.namespace}/{plural}"

    def call(self, who: str, method: str, path: str, body: Any = None, content_type: str = JSON) -> Answer:
        return Answer(*self.cluster.request(method, path, body, content_type=content_type, **self._identity(who)))

    def create(self, who: str, document: Document, *, write_names: bool = True, dry_run: bool = False) -> Answer:
        named = self._named(who, document, creates=True) if write_names else document
        return self.call(who, "POST", self.path(document) + ("?dryRun=All" if dry_run else ""), named)

    def apply(
        self, who: str, document: Document, *, write_names: bool = True, dry_run: bool = False, creates: bool = False
    ) -> Answer:
        """Server-side apply, as kubectl apply --server-side sends it; `creates` when there is no such object yet."""
        named = self._named(who, document, creates=creates) if write_names else document
        path = f"{self.path(document)}/{document['metadata']['name']}?fieldManager=kubectl"
        return self.call(who, "PATCH", path + ("&dryRun=All" if dry_run else ""), named, APPLY)

    def merge(self, who: str, kind: str, name: str, spec: Mapping[str, Any], *, write_names: bool = True) -> Answer:
        """Merge patch of `spec`, as kubectl patch --type=merge sends it."""
        document = self.document(kind, name, spec)
        named = self._named(who, document, creates=False) if write_names else document
        return self.call(who, "PATCH", f"{self.path(document)}/{name}", {"spec": named["spec"]}, MERGE_PATCH)

    def edit(self, who: str, kind: str, name: str, *operations: Mapping[str, Any]) -> Answer:
        """JSON patch (RFC 6902)."""
        path = f"{self.path(self.document(kind, name, {}))}/{name}"
        return self.call(who, "PATCH", path, list(operations), JSON_PATCH)

    def delete(self, who: str, kind: str, name: str) -> Answer:
        return self.call(who, "DELETE", f"{self.path(self.document(kind, name, {}))}/{name}")

    def get(self, kind: str, name: str) -> Document:
        answer = self.call(ADMIN, "GET", f"{self.path(self.document(kind, name, {}))}/{name}")
        assert answer.accepted, answer.message
        return dict(answer.body)

    def set_status(self, name: str, who: str = OPERATOR, kind: str = "AgentSession", **status: Any) -> Answer:
        path = f"{self.path(self.document(kind, name, {}))}/{name}/status"
        return self.call(who, "PATCH", path, {"status": status}, MERGE_PATCH)

    # -- usual beginnings ----------------------------------------------------------------------------------------

    def awaiting(self, *, asked_by: str = OPERATOR, grant_hash: str = GRANT_HASH, **spec: Any) -> str:
        """Name of a new session that awaits approval."""
        name = self.name()
        if asked_by == OPERATOR:
            spec = {"requestedBy": self.user(AGENT), **spec}
        check(self.create(asked_by, self.session(name, **spec)), None)
        check(self.set_status(name, state="AwaitingApproval", grantHash=grant_hash), None)
        return name

    def approve(self, who: str, name: str, *, grant_hash: str | None = GRANT_HASH, **approval: Any) -> Answer:
        """Server-side apply of an approval, with `approval` over the usual one."""
        usual: Document = {"decision": "Approved"} | ({"grantHash": grant_hash} if grant_hash else {})
        return self.apply(who, self.document("AgentSession", name, {"approval": {**usual, **approval}}))

    def approved(self, **approval: Any) -> str:
        """Name of a new session that ALICE has approved."""
        name = self.awaiting()
        check(self.approve(ALICE, name, **approval), None)
        return name

    def bound(self, who: str = ADMIN, **spec: Any) -> str:
        """Name of a new ProviderBinding."""
        name = self.name()
        check(self.create(who, self.binding(name, **spec)), None)
        return name
