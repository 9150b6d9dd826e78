"""Starts, finds again and ends the whole product on one machine."""

import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from cluster import Cluster
from cluster.errors import ClusterError
from cluster.pki import private_file
from cluster.tokens import Mount
from pipes_api.names import BROKER_AUDIENCE, OPERATOR_AUDIENCE

from . import objects
from .places import AGENT, OPERATOR_NAMESPACE, TEAM, Places, Ports
from .programs import Program

_BINDINGS_SECONDS = 30.0
API_SERVER = "api-server"


class Environment:
    """Control plane, operator, broker, sandbox, and one agent's gateway, all on loopback."""

    def __init__(self, cluster: Cluster, ports: Ports, admin_token: str) -> None:
        """For `start` and `attach`, which are how an environment is had."""
        self.cluster = cluster
        self.ports = ports
        self.sandbox_admin_token = admin_token
        self.places = Places(cluster.run_dir / "product")
        self.mcp_url = f"http://127.0.0.1:{ports.gateway}/mcp"
        self.sandbox_url = f"http://127.0.0.1:{ports.sandbox}"
        options = (f"--api-key-file={self.places.workos_key}", f"--admin-token-file={self.places.admin_token}")
        self.sandbox = Program(
            self.places.root,
            "sandbox",
            ready_url=f"{self.sandbox_url}/healthz",
            options=(f"--port={ports.sandbox}", *options),
        )
        self.operator = self._program("operator", _ready(ports.operator_health))
        self.broker = self._program("broker", _ready(ports.broker_health))
        self.gateway = self._program("gateway", _ready(ports.gateway_health))
        self._more: list[Program] = []
        self._mounts: list[Mount] = []
        self._allowed_hosts: dict[str, list[str]] = {}

    @classmethod
    def start(
        cls,
        run_dir: Path | None = None,
        *,
        detach: bool = False,
        operator: Mapping[str, Any] | None = None,
        allowed_hosts: Mapping[str, Sequence[str]] | None = None,
        ports: Ports | None = None,
    ) -> "Environment":
        """Everything from an empty store; returns when the three bindings are Ready and their tools are listed.

        operator: settings of the operator over those used here.
        allowed_hosts: hosts beyond the catalogs', by provider, which the chart tells operator and broker alike.

        Raises ClusterError with one line that says what to do.
        """
        ports = ports or Ports()
        with ThreadPoolExecutor() as side:
            starting = side.submit(Cluster.start, run_dir, detach=detach)
            cluster = starting.result()
            environment = cls(cluster, ports, secrets.token_urlsafe(24))
            environment._allowed_hosts = {name: list(hosts) for name, hosts in (allowed_hosts or {}).items()}
            try:
                environment._remember()
                sandbox = side.submit(environment.sandbox.start)
                objects.install(cluster)
                environment._create_pods()
                environment.operator.start(environment.operator_settings(operator or {}), wait=False)
                sandbox.result()
                environment.operator.await_ready()
                objects.connect(cluster)
                environment.broker.start(environment.broker_settings(), wait=False)
                environment.gateway.start(environment.gateway_settings("gateway"), wait=False)
                environment.broker.await_ready()
                environment.gateway.await_ready()
                environment.await_bindings()
            except BaseException:
                environment.stop()
                raise
        return environment

    @classmethod
    def attach(cls, run_dir: Path) -> "Environment":
        """The detached environment that runs out of `run_dir`; ClusterError when there is none."""
        cluster = Cluster.attach(run_dir)
        try:
            record = yaml.safe_load((cluster.run_dir / "product" / "environment.yaml").read_text())
        except OSError:
            raise ClusterError(f"only a control plane runs in {run_dir}: end it with `make down`") from None
        return cls(cluster, Ports(**record["ports"]), record["adminToken"])

    def stop(self) -> None:
        """Ends everything and removes the store. May be called again."""
        for program in (*self._more, self.gateway, self.broker, self.operator, self.sandbox):
            program.stop()
        run_dir = self.cluster.run_dir
        self.cluster.stop()
        shutil.rmtree(run_dir, ignore_errors=True)

    def __enter__(self) -> "Environment":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def is_ready(self) -> bool:
        return all(program.is_ready() for program in (self.operator, self.broker, self.sandbox, self.gateway))

    # -- settings, as the chart would render them --------------------------------------------------------------------

    def operator_settings(self, over: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "namespace": OPERATOR_NAMESPACE,
            "instance": "operator-0",
            "kubeconfig": str(self.places.kubeconfig("operator-0")),
            "workosKeyFile": str(self.places.workos_key),
            "sandbox": self.sandbox_url,
            "listen": "127.0.0.1",
            "port": self.ports.operator,
            "healthListen": "127.0.0.1",
            "healthPort": self.ports.operator_health,
            "brokerNames": ["localhost", "127.0.0.1"],
            "caBundleFile": str(self.places.ca),
            "allowedHosts": self._allowed_hosts,
            **over,
        }

    def broker_settings(self) -> dict[str, Any]:
        return {
            "listen": "127.0.0.1",
            "port": self.ports.broker,
            "names": ["127.0.0.1", "localhost"],
            "healthListen": "127.0.0.1",
            "healthPort": self.ports.broker_health,
            "operatorUrl": self._operator_url,
            "caFile": str(self.places.ca),
            "tokenFile": str(self.places.token("broker-0", OPERATOR_AUDIENCE)),
            "kubeconfig": str(self.places.kubeconfig("broker-0")),
            **self._egress_settings,
        }

    def gateway_settings(self, name: str, *, pod: str = "analyst-0", **over: Any) -> dict[str, Any]:
        return {
            "port": self.ports.gateway,
            "healthPort": self.ports.gateway_health,
            "mode": "broker",
            "brokerUrl": f"https://127.0.0.1:{self.ports.broker}",
            "operatorUrl": self._operator_url,
            "caFile": str(self.places.ca),
            "operatorTokenFile": str(self.places.token(pod, OPERATOR_AUDIENCE)),
            "brokerTokenFile": str(self.places.token(pod, BROKER_AUDIENCE)),
            **over,
        }

    @property
    def _egress_settings(self) -> dict[str, Any]:
        """For whatever calls providers: the broker, or a gateway that does it by itself."""
        return {
            "workosKeyFile": str(self.places.workos_key),
            "sandbox": self.sandbox_url,
            "allowedHosts": self._allowed_hosts,
        }

    @property
    def _operator_url(self) -> str:
        return f"https://127.0.0.1:{self.ports.operator}"

    # -- parts -------------------------------------------------------------------------------------------------------

    def add_gateway(self, pod: str, *, direct: bool = False, wait: bool = True, **over: Any) -> "Gateway":
        """One more pod of the agent with a gateway of its own; `direct`: egress inside it."""
        made = self._project(pod, AGENT, TEAM, OPERATOR_AUDIENCE, BROKER_AUDIENCE)
        gateway = Gateway(self, pod, made["metadata"]["uid"])
        self._more.append(gateway.program)
        settings: dict[str, Any] = {"port": gateway.port, "healthPort": gateway.health_port}
        if direct:
            settings |= {"mode": "direct", **self._egress_settings}
        settings |= over
        gateway.program.start(self.gateway_settings(pod, pod=pod, **settings), wait=wait)
        return gateway

    def await_bindings(self) -> None:
        """Return when every binding of the team is Ready; ClusterError with what its condition says otherwise."""
        deadline = time.monotonic() + _BINDINGS_SECONDS
        for name in objects.binding_names():
            path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{TEAM}/providerbindings/{name}"
            while True:
                _, binding = self.cluster.request("GET", path)
                conditions = {each["type"]: each for each in binding.get("status", {}).get("conditions", ())}
                ready = conditions.get("Ready", {})
                if ready.get("status") == "True":
                    break
                if time.monotonic() > deadline:
                    raise ClusterError(f"binding {name} is not Ready: {ready.get('message', 'no condition yet')}")
                time.sleep(0.02)

    def _create_pods(self) -> None:
        self._project("operator-0", "operator", OPERATOR_NAMESPACE)
        self._project("broker-0", "broker", OPERATOR_NAMESPACE, OPERATOR_AUDIENCE)
        self._project("analyst-0", AGENT, TEAM, OPERATOR_AUDIENCE, BROKER_AUDIENCE)

    def _project(self, pod: str, service_account: str, namespace: str, *audiences: str) -> dict[str, Any]:
        made = self.cluster.create_pod(namespace, pod, service_account)
        self._mounts += [Mount(namespace, pod, each, self.places.token(pod, each)) for each in audiences]
        if namespace == OPERATOR_NAMESPACE:
            token = self.places.token(pod, API_SERVER)
            self._mounts.append(Mount(namespace, pod, None, token))
            self.cluster.token_kubeconfig(token, self.places.kubeconfig(pod))
        self.cluster.project_tokens(self._mounts)
        return made

    def _remember(self) -> None:
        private_file(self.places.workos_key, f"sk_test_{secrets.token_hex(16)}".encode())
        private_file(self.places.admin_token, self.sandbox_admin_token.encode())
        record = {"ports": asdict(self.ports), "adminToken": self.sandbox_admin_token}
        private_file(self.places.root / "environment.yaml", yaml.safe_dump(record).encode())

    def _program(self, command: str, ready_url: str) -> Program:
        return Program(self.places.root, command, ready_url=ready_url)


class Gateway:
    """A further gateway of the environment."""

    def __init__(self, environment: Environment, pod: str, pod_uid: str) -> None:
        ports = Ports()
        self.pod, self.pod_uid = pod, pod_uid
        self.port, self.health_port = ports.gateway, ports.gateway_health
        self.mcp_url = f"http://127.0.0.1:{self.port}/mcp"
        root = environment.places.root
        self.program = Program(root, "gateway", name=f"gateway-{pod}", ready_url=_ready(self.health_port))


def _ready(port: int) -> str:
    return f"http://127.0.0.1:{port}/readyz"
