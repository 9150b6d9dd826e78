"""A running operator on a real API server: as its own ServiceAccount, with its real rights, against a real sandbox."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster, Mount, product

API = "/apis/pipesmcp.io/v1alpha1"
ALICE, BOB = "alice@example.com", "bob@example.com"
MERGE = "application/merge-patch+json"
KEY = "sk_test_operator_tests"
ADMIN = "admin-token-of-the-tests"


class Bed:
    """One cluster with the product in force, a sandbox, and operators that tests start and stop."""

    def __init__(self, cluster: Cluster, sandbox: str, folder: Path) -> None:
        self.cluster = cluster
        self.sandbox = sandbox
        self.folder = folder
        self.key_file = folder / "workos.key"
        self.key_file.write_text(KEY)
        token = folder / "operator.token"
        cluster.create_pod("pipes-system", "operator-0", "operator")
        cluster.project_tokens([Mount("pipes-system", "operator-0", None, token)])
        self.kubeconfig = cluster.token_kubeconfig(token, folder / "operator.kubeconfig")
        product.allow_connect(cluster, ALICE, "user_alice", "user_bob", "org_acme")

    # -- operators ---------------------------------------------------------------------------------------------------

    def settings(self, **over: Any) -> dict[str, Any]:
        return {
            "kubeconfig": str(self.kubeconfig),
            "workosKeyFile": str(self.key_file),
            "sandbox": self.sandbox,
            "listen": "127.0.0.1",
            "port": 0,
            "healthListen": "127.0.0.1",
            "healthPort": free_port(),
            # The lease of an operator that was killed must not hold up the next test.
            "leaseSeconds": 4,
            "leadershipSeconds": 4,
            **over,
        }

    @staticmethod
    def free_port() -> int:
        return free_port()

    def launch(self, **over: Any) -> "Operator":
        """An operator that has just begun to start."""
        return Operator(self.folder, self.settings(**over))

    def start(self, *, seconds: float = 30.0, **over: Any) -> "Operator":
        operator = self.launch(**over)
        try:
            operator.await_ready(seconds)
        except BaseException:
            operator.kill()
            raise
        return operator

    # -- a team ------------------------------------------------------------------------------------------------------

    def team(self, *, rights: bool = True) -> "Team":
        namespace = self.cluster.new_namespace("team")
        if rights:
            product.bind(self.cluster, namespace, "pipes-approver", ALICE)
            product.bind(self.cluster, namespace, "pipes-connector", ALICE)
            product.bind(self.cluster, namespace, "pipes-requester", BOB)
            # The API server takes up rights a moment after they are written.
            for user, verb, resource in (
                (ALICE, "approve", "agentsessions"),
                (ALICE, "create", "providerbindings"),
                (BOB, "create", "agentsessions"),
            ):
                until(partial(self.may, user, verb, resource, namespace), 10)
        return Team(self, namespace)

    def may(self, user: str, verb: str, resource: str, namespace: str) -> bool:
        attributes = {"group": "pipesmcp.io", "resource": resource, "verb": verb, "namespace": namespace}
        body = {"apiVersion": "authorization.k8s.io/v1", "spec": {"user": user, "resourceAttributes": attributes}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        _, answer = self.cluster.request("POST", path, {**body, "kind": "SubjectAccessReview"})
        return bool(answer["status"]["allowed"])

    def sandbox_call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.sandbox + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None


class Operator:
    """One operator process."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.health = f"http://127.0.0.1:{settings['healthPort']}"
        config = folder / f"operator-{settings['healthPort']}.yaml"
        config.write_text(yaml.safe_dump(dict(settings)))
        self.log = config.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipes_operator.main", "--config", str(config)],
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,
            )

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.health + "/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def await_ready(self, seconds: float = 30.0) -> None:
        until(lambda: self.process.poll() is not None or self.is_ready(), seconds, self._said)
        assert self.process.poll() is None, self._said()

    def await_words(self, words: str, seconds: float = 30.0) -> None:
        until(lambda: words in self.log.read_text(), seconds, self._said)

    def _said(self) -> str:
        return self.log.read_text()[-3000:]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
                raise


class Team:
    """A namespace with people, bindings and sessions."""

    def __init__(self, bed: Bed, namespace: str) -> None:
        self.bed = bed
        self.namespace = namespace

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        return self.bed.cluster.request(method, f"{API}/namespaces/{self.namespace}/{path}", body, **options)

    def bind(self, name: str = "snowflake", provider: str = "snowflake", **spec: Any) -> dict[str, Any]:
        body = {
            "apiVersion": "pipesmcp.io/v1alpha1",
            "kind": "ProviderBinding",
            "metadata": {"name": name},
            "spec": {
                "provider": provider,
                "connection": {"userId": "user_alice"},
                "limits": {"maxAccess": "Write"},
                **spec,
            },
        }
        status, made = self.call("POST", "providerbindings", body, user=ALICE)
        assert status == 201, made
        return made

    def ready(self, name: str = "snowflake", seconds: float = 15.0) -> dict[str, Any]:
        return self.binding_until(name, lambda each: condition(each, "Ready")["status"] == "True", seconds)

    def binding(self, name: str) -> dict[str, Any]:
        return self.call("GET", f"providerbindings/{name}")[1]

    def binding_until(self, name: str, wanted: Callable[[Any], bool], seconds: float = 15.0) -> dict[str, Any]:
        return until_value(lambda: self.binding(name), wanted, seconds)

    def ask(self, name: str = "s1", *, user: str = BOB, expect: int = 201, **spec: Any) -> dict[str, Any]:
        body = {
            "apiVersion": "pipesmcp.io/v1alpha1",
            "kind": "AgentSession",
            "metadata": {"name": name},
            "spec": {
                "agent": {"serviceAccountName": "agent"},
                "bindings": [{"name": "snowflake"}],
                "duration": "15m",
                "reason": "Quarterly figures",
                **spec,
            },
        }
        status, made = self.call("POST", "agentsessions", body, **as_options(user))
        assert status == expect, made
        return made

    def session(self, name: str = "s1") -> dict[str, Any]:
        return self.call("GET", f"agentsessions/{name}")[1]

    def session_until(self, name: str, wanted: Callable[[Any], bool], seconds: float = 15.0) -> dict[str, Any]:
        return until_value(lambda: self.session(name), wanted, seconds)

    def state(self, name: str, state: str, seconds: float = 15.0) -> dict[str, Any]:
        return self.session_until(name, lambda each: each.get("status", {}).get("state") == state, seconds)

    def approve(self, name: str = "s1", *, user: str = ALICE, expect: int = 200, **approval: Any) -> dict[str, Any]:
        shown = self.session(name)
        return self.patch(
            name,
            {
                "metadata": {"uid": shown["metadata"]["uid"]},
                "spec": {
                    "approval": {"decision": "Approved", "grantHash": shown["status"].get("grantHash"), **approval}
                },
            },
            user=user,
            expect=expect,
        )

    def deny(self, name: str = "s1", **approval: Any) -> dict[str, Any]:
        return self.patch(name, {"spec": {"approval": {"decision": "Denied", **approval}}})

    def revoke(self, name: str = "s1", **revocation: Any) -> dict[str, Any]:
        return self.patch(name, {"spec": {"revocation": revocation}})

    def patch(self, name: str, body: Any, *, user: str = ALICE, expect: int = 200) -> dict[str, Any]:
        status, made = self.call("PATCH", f"agentsessions/{name}", body, content_type=MERGE, **as_options(user))
        assert status == expect, made
        return made

    def let_agent_ask(self) -> str:
        """Gives the agent's ServiceAccount the rights of a requester; answers its user name."""
        product.bind(self.bed.cluster, self.namespace, "pipes-requester", f"{self.namespace}/agent")
        agent = f"system:serviceaccount:{self.namespace}:agent"
        until(partial(self.bed.may, agent, "create", "agentsessions", self.namespace), 10)
        return agent

    def active(self, name: str = "s1", **spec: Any) -> dict[str, Any]:
        self.ask(name, **spec)
        self.state(name, "AwaitingApproval")
        self.approve(name)
        return self.state(name, "Active")


def as_options(user: str) -> dict[str, Any]:
    """A ServiceAccount asks by impersonation; everybody else has a certificate."""
    if not user.startswith("system:serviceaccount:"):
        return {"user": user}
    _, _, namespace, _ = user.split(":")
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return {"user": "admin", "as_user": user, "as_groups": groups}


def condition(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    found = [each for each in body.get("status", {}).get("conditions", ()) if each["type"] == kind]
    return found[0] if found else {"status": "", "reason": "", "message": ""}


def until(holds: Callable[[], bool], seconds: float, say: Callable[[], Any] = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {say()}"
        time.sleep(0.005)


def until_value(read: Callable[[], Any], wanted: Callable[[Any], bool], seconds: float) -> Any:
    last: list[Any] = [None]

    def holds() -> bool:
        last[0] = read()
        return wanted(last[0])

    until(holds, seconds, lambda: json.dumps(last[0], indent=1)[-4000:])
    return last[0]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """Its own cluster: these tests take policies away."""
    folder = tmp_path_factory.mktemp("operator")
    with Cluster.start() as cluster, _sandbox(folder) as sandbox:
        product.install(cluster)
        yield Bed(cluster, sandbox, folder)


@pytest.fixture(scope="session")
def _shared(bed: Bed) -> Iterator[list[Operator]]:
    running: list[Operator] = []
    yield running
    for each in running:
        each.stop()


@pytest.fixture
def operator(bed: Bed, _shared: list[Operator]) -> Operator:
    """An operator with the usual settings that tests share; started anew when one before has ended it."""
    while _shared and (_shared[0].process.poll() is not None or not _shared[0].is_ready()):
        _shared.pop().stop()
    if not _shared:
        _shared.append(bed.start())
    return _shared[0]


@pytest.fixture
def own_operator(bed: Bed, _shared: list[Operator]) -> Iterator[Callable[..., Operator]]:
    """Starts operators with settings of the test's own, alone on the cluster."""
    while _shared:
        _shared.pop().stop()
    started: list[Operator] = []

    def start(**over: Any) -> Operator:
        started.append(bed.start(**over))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture
def team(bed: Bed, operator: Operator) -> Team:
    """A fresh namespace with a Ready binding `snowflake`, and an operator at work."""
    made = bed.team()
    made.bind()
    made.ready()
    return made


def _end_with_parent() -> None:
    """Also when the test run is killed (prctl(2), PR_SET_PDEATHSIG; where there is none, the fixtures must do)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@contextlib.contextmanager
def _sandbox(folder: Path) -> Iterator[str]:
    with (folder / "sandbox.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipes_sandbox", "--port", "0", "--json", "--api-key", KEY],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=_end_with_parent,
            env={**os.environ, "PIPES_SANDBOX_ADMIN_TOKEN": ADMIN},
        )
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()
            process.wait(10)
