"""Objects that tests need: applied through HTTP, and Pods without a kubelet."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .api import ApiClient
from .errors import ClusterError

NODE = "node1"
AUDIENCES = ("pipes-operator", "pipes-broker", "pipes-gateway")
_APPLY = "fieldManager=test&force=true"


class Api(Protocol):
    def request(
        self, method: str, path: str, body: Any = None, *, user: str = "admin", content_type: str = "application/json"
    ) -> tuple[int, Any]: ...


class Kinds:
    """Where each kind is served; asked of the server once per group and version."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._known: dict[tuple[str, str], tuple[str, bool]] = {}

    def path(self, document: Mapping[str, Any]) -> str:
        """The URL path of the document's own object. Raises ClusterError when its kind is not served."""
        version, kind, metadata = document["apiVersion"], document["kind"], document["metadata"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        resource, namespaced = self._resource(base, version, kind)
        folder = f"{base}/namespaces/{metadata.get('namespace', 'default')}" if namespaced else base
        return f"{folder}/{resource}/{metadata['name']}"

    def _resource(self, base: str, version: str, kind: str) -> tuple[str, bool]:
        # A CRD is served a moment after it is Established.
        deadline = time.monotonic() + 2
        while (version, kind) not in self._known:
            status, answer = self._api.request("GET", base, user="admin", groups=("system:masters",))
            for entry in answer["resources"] if status == 200 else ():
                if "/" not in entry["name"]:
                    self._known[version, entry["kind"]] = (entry["name"], entry["namespaced"])
            if (version, kind) not in self._known:
                if time.monotonic() > deadline:
                    raise ClusterError(f"the API server does not serve {kind} of {version}")
                time.sleep(0.05)
        return self._known[version, kind]


def apply(api: Api, kinds: Kinds, document: Mapping[str, Any], *, user: str) -> None:
    path = kinds.path(document)
    status, answer = api.request(
        "PATCH", f"{path}?{_APPLY}", document, user=user, content_type="application/apply-patch+yaml"
    )
    if status not in (200, 201):
        said = answer.get("message", answer) if isinstance(answer, dict) else answer
        raise ClusterError(f"{document['kind']} {document['metadata']['name']} refused with {status}: {said}")
    if document["kind"] == "CustomResourceDefinition":
        _await_established(api, path)


def _await_established(api: Api, path: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        _, crd = api.request("GET", path)
        conditions = {c["type"]: c for c in crd.get("status", {}).get("conditions") or ()}
        if conditions.get("Established", {}).get("status") == "True":
            return
        if conditions.get("NamesAccepted", {}).get("status") == "False" or time.monotonic() > deadline:
            raise ClusterError(f"{crd['metadata']['name']} is not served: {conditions}")
        time.sleep(0.02)


def ensure(api: Api, collection: str, document: Mapping[str, Any]) -> None:
    """Creates the object when it is absent."""
    status, answer = api.request("POST", collection, document)
    if status not in (200, 201, 409):
        raise ClusterError(f"cannot create {document['kind']} {document['metadata']['name']}: {answer}")


def ensure_namespace(api: Api, name: str) -> None:
    """Creates the namespace when it is absent."""
    ensure(api, "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def node() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}


def create_pod(
    api: Api, namespace: str, name: str, service_account: str, *, image: str, audiences: Sequence[str]
) -> dict[str, Any]:
    ensure_namespace(api, namespace)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": service_account}}
    ensure(api, f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
    # One without an audience is for the API server itself, as every Pod has it.
    sources = [{"serviceAccountToken": {"path": "kube-api-access"}}]
    sources += [{"serviceAccountToken": {"path": audience, "audience": audience}} for audience in audiences]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "serviceAccountName": service_account,
            "nodeName": NODE,
            "containers": [{"name": "agent", "image": image}],
            "volumes": [{"name": "tokens", "projected": {"sources": sources}}],
        },
    }
    pods = f"/api/v1/namespaces/{namespace}/pods"
    status, created = api.request("POST", pods, pod)
    if status != 201:
        raise ClusterError(f"cannot create Pod {namespace}/{name}: {created}")
    running = {"status": {"phase": "Running"}}
    content_type = "application/merge-patch+json"
    status, answer = api.request("PATCH", f"{pods}/{name}/status", running, content_type=content_type)
    if status != 200:
        raise ClusterError(f"cannot set Pod {namespace}/{name} Running: {answer}")
    result: dict[str, Any] = answer
    return result


def delete_pod(api: Api, namespace: str, name: str) -> None:
    status, answer = api.request("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", {"gracePeriodSeconds": 0})
    if status not in (200, 404):
        raise ClusterError(f"cannot delete Pod {namespace}/{name}: {answer}")
