"""What people of the team do: lend connections, look at requests, approve with kubectl what they saw."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from cluster.errors import ClusterError

from .environment import Environment
from .objects import example
from .places import ALICE, TEAM

_API = f"/apis/pipesmcp.io/v1alpha1/namespaces/{TEAM}"
_WITHIN = 30.0

Body = dict[str, Any]


class Team:
    """Blocking; every wait ends by itself with ClusterError, which holds what was there instead."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._cluster = environment.cluster

    # -- bindings ------------------------------------------------------------------------------------------------

    def allow(self, name: str) -> None:
        """The roles of an example, as a cluster admin applies them, before anybody uses them."""
        self._cluster.apply(*(each for each in example(name) if each["apiVersion"].startswith("rbac")))

    def lend(self, name: str, *, user: str = ALICE) -> list[str]:
        """The bindings of an example, all Ready; their names."""
        bindings = [each for each in example(name) if each["kind"] == "ProviderBinding"]
        return [self.bind(each, user=user) for each in bindings]

    def bind(self, binding: Mapping[str, Any], *, user: str = ALICE) -> str:
        """Apply one, and wait for it to be Ready."""
        self.write(binding, user=user)
        name: str = binding["metadata"]["name"]
        self.await_ready(name)
        return name

    def write(self, document: Mapping[str, Any], *, user: str = ALICE, patience: float = _WITHIN) -> None:
        """Apply it as that user, whose roles may be as new as a moment: the authorizer reads them from a watch."""
        deadline = time.monotonic() + patience
        while True:
            try:
                self._cluster.apply(document, user=user)
            except ClusterError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def await_ready(self, name: str, status: str = "True") -> str:
        """The message of the condition Ready, once it has that status for the binding as it is now."""

        def ready(binding: Body) -> bool:
            current = binding.get("status", {}).get("observedGeneration") == binding["metadata"]["generation"]
            return current and _condition(binding, "Ready").get("status") == status

        return str(_condition(self._until(f"{_API}/providerbindings/{name}", ready), "Ready").get("message", ""))

    # -- sessions ------------------------------------------------------------------------------------------------

    def ask(self, session: Mapping[str, Any], *, pod_uid: str, user: str = ALICE) -> str:
        """Create it for that pod; its name."""
        spec = {**session["spec"], "agent": {**session["spec"]["agent"], "podUID": pod_uid}}
        status, body = self._cluster.request("POST", f"{_API}/agentsessions", {**session, "spec": spec}, user=user)
        if status != 201:
            raise ClusterError(body["message"])
        return str(body["metadata"]["name"])

    def status(self, name: str, state: str) -> Body:
        """Its status, once it has that state."""
        body = self._until(f"{_API}/agentsessions/{name}", lambda each: each.get("status", {}).get("state") == state)
        status: Body = body["status"]
        return status

    def condition(self, name: str, kind: str, status: str) -> Body:
        """That condition of a session, once it has that status."""
        path = f"{_API}/agentsessions/{name}"
        return _condition(self._until(path, lambda each: _condition(each, kind).get("status") == status), kind)

    def summary(self, name: str) -> str:
        """What who decides reads."""
        return "\n".join(self.status(name, "AwaitingApproval")["summary"])

    def approve(self, name: str, *, user: str = ALICE) -> None:
        """With kubectl, by the text that the operator wrote; returns when the session is Active."""
        self.status(name, "AwaitingApproval")
        show = ("get", "agentsession", name, "-o", "jsonpath={.status.approveWith}")
        manifest = self._cluster.run_kubectl(*show, namespace=TEAM, user=user).stdout
        self._cluster.run_kubectl(*as_it_says(manifest), user=user, stdin=manifest)
        self.status(name, "Active")

    def _until(self, path: str, holds: Callable[[Body], bool]) -> Body:
        deadline = time.monotonic() + _WITHIN
        while True:
            _, body = self._cluster.request("GET", path)
            if holds(body):
                return dict(body)
            if time.monotonic() > deadline:
                raise ClusterError(f"{path} does not get there: {body.get('status', body)}")
            time.sleep(0.02)


def as_it_says(manifest: str) -> list[str]:
    """What to give kubectl for an approval: the words of the manifest's first line."""
    return manifest.splitlines()[0].removeprefix("# kubectl ").split()


def _condition(body: Body, kind: str) -> Body:
    conditions: list[Body] = body.get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == kind), {})
