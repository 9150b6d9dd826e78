"""A session service on a real API server, fed by a real list and watch, asked over real TLS with real tokens."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from cluster import Cluster, service_account
from pipes_api import grant as grants
from pipes_api import messages, names
from pipes_api.clock import boottime
from pipes_api.resources import (
    AgentSessionStatus,
    BoundPod,
    Condition,
    Limits,
    ProviderBinding,
    ToolLimits,
    Usage,
    plain,
)
from pipes_api.states import SessionState
from pipes_catalog import load
from pipes_operator.definitions import Definitions
from pipes_operator.kube import access
from pipes_operator.kube.client import KubeClient
from pipes_operator.service.app import SessionService
from pipes_operator.service.settings import ServiceSettings
from pipes_operator.sources import Sources
from pipes_operator.world import World
from pipes_operator.writer import Writer

SYSTEM = "pipes-system"
BROKER = "system:serviceaccount:pipes-system:broker"


@dataclass
class Stream:
    """One open `/v1/watch`, read in the background; each line with the moment it came."""

    response: aiohttp.ClientResponse
    asked_at: float
    events: list[tuple[float, Any]] = field(default_factory=list)
    ended: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: Any = None

    def start(self) -> "Stream":
        self._task = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        rest = b""
        try:
            async for data in self.response.content.iter_any():
                came = boottime()
                *lines, rest = (rest + data).split(b"\n")
                self.events += [(came, messages.decode_event(line)) for line in lines]
                self._news.set()
        except aiohttp.ClientError:
            pass
        finally:
            self.ended = True
            self._news.set()

    async def until(self, wanted: Callable[[Any], Any], seconds: float = 5.0, *, after: int = 0) -> Any:
        """The first event for which `wanted` holds, from the `after`th on."""
        seen = after
        async with asyncio.timeout(seconds):
            while True:
                for _, event in self.events[seen:]:
                    seen += 1
                    if wanted(event):
                        return event
                assert not self.ended, f"the stream ended; it said {[e for _, e in self.events[-3:]]}"
                self._news.clear()
                await self._news.wait()

    async def end(self, seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not self.ended:
                self._news.clear()
                await self._news.wait()

    async def close(self) -> None:
        self.response.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def snapshot(self) -> messages.Snapshot:
        return self.events[0][1]


@dataclass
class Service:
    """The running service and what a test does to it and asks of it."""

    cluster: Cluster
    world: World
    writer: Writer
    kube: KubeClient
    app: SessionService
    http: aiohttp.ClientSession
    leads: bool = True
    proven: bool = True
    _streams: list[Stream] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.app.port}"

    async def watch(self, token: str) -> Stream:
        asked_at = boottime()
        response = await self.http.get(f"{self.url}/v1/watch", headers=_bearer(token))
        assert response.status == 200, await response.text()
        stream = Stream(response, asked_at).start()
        self._streams.append(stream)
        await stream.until(lambda event: isinstance(event, messages.Snapshot))
        return stream

    async def refused_watch(self, token: str | None) -> tuple[int, dict[str, Any]]:
        headers = {} if token is None else _bearer(token)
        async with self.http.get(f"{self.url}/v1/watch", headers=headers) as response:
            return response.status, await response.json()

    async def post(self, token: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.http.post(f"{self.url}{path}", data=data, headers=_bearer(token)) as response:
            return response.status, await response.json()

    async def run(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Blocking calls of the cluster, off the event loop."""
        return await asyncio.to_thread(function, *arguments, **options)

    async def pod(self, namespace: str, name: str, account: str = "analyst", seconds: int = 3600) -> tuple[str, str]:
        """A Pod and its token for the operator: (uid, token)."""
        pod = await self.run(self.cluster.create_pod, namespace, name, account)
        token = await self.run(self.cluster.pod_token, namespace, name, names.OPERATOR_AUDIENCE, seconds)
        return pod["metadata"]["uid"], token

    async def binding(self, namespace: str, name: str = "snowflake", **spec: Any) -> Any:
        """A binding that Pipes has said yes to."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "ProviderBinding",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "provider": "snowflake",
                "connection": {"userId": "user_private1"},
                "limits": {"maxAccess": "Write"},
                **spec,
            },
        }
        await self.run(self.cluster.apply, body)
        known = await self.writer.refresh_binding(namespace, name)
        assert known is not None
        now = datetime.now(UTC).replace(microsecond=0)
        conditions = tuple(
            Condition(type=kind, status="True", reason="Checked", last_transition_time=now)
            for kind in ("Connected", "Ready")
        )
        status = msgspec.structs.replace(
            known.status, conditions=conditions, observed_generation=known.metadata.generation
        )
        return await self.writer.write_binding_status(known, status)

    async def session(
        self, namespace: str, name: str, *, pod_uid: str | None = None, shared: bool = False, account: str = "analyst"
    ) -> Any:
        """A request as a person makes it through the API server."""
        agent: dict[str, Any] = {"serviceAccountName": account}
        if pod_uid is not None:
            agent["podUID"] = pod_uid
        if shared:
            agent["shared"] = True
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "AgentSession",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"agent": agent, "bindings": [{"name": "snowflake"}], "duration": "1h", "reason": "A report"},
        }
        path = f"/apis/{names.API_VERSION}/namespaces/{namespace}/agentsessions"
        status, answer = await self.run(self.cluster.request, "POST", path, body)
        assert status == 201, answer
        known = self.world.put_session(answer)
        assert known is not None
        return known

    async def activate(
        self,
        session: Any,
        *,
        limits: Limits | None = None,
        seconds: float = 3600,
        pod: BoundPod | None = None,
        tool_limits: dict[str, ToolLimits] | None = None,
        calls: tuple[grants.GrantedCall, ...] = (),
    ) -> Any:
        """What the operator writes once a person has approved."""
        now = datetime.now(UTC)
        binding = self.world.binding(session.metadata.namespace, "snowflake")
        tools = {} if binding is None else self.definitions.offer(binding).hashes()
        granted = grants.Grant(
            uid=session.metadata.uid,
            agent=session.spec.agent,
            duration=3600,
            reason=session.spec.reason,
            bindings=(
                grants.GrantedBinding(
                    name="snowflake",
                    uid="b" if binding is None else binding.metadata.uid,
                    provider="snowflake",
                    catalog="snowflake",
                    connection={"userId": "user_private1"},
                    account="ca_1",
                    access="Read",
                    tools=tools,
                    calls=calls,
                    limits=tool_limits or {},
                ),
            ),
            limits=limits or Limits(),
        )
        granted = grants.read(plain(granted))
        agent = session.spec.agent
        bound = None if agent.shared else pod or BoundPod(name="p", uid=agent.pod_uid)
        status = AgentSessionStatus(
            state=SessionState.ACTIVE,
            grant=plain(granted),
            grant_hash=grants.grant_hash(granted),
            activated_at=now,
            expires_at=(now + timedelta(seconds=seconds)).replace(microsecond=0),
            bound_pod=bound,
            usage=Usage(),
            approved_by="alice@example.com",
        )
        return await self.writer.write_status(session, status)

    async def active(self, namespace: str, name: str, pod_uid: str, **options: Any) -> Any:
        return await self.activate(await self.session(namespace, name, pod_uid=pod_uid), **options)

    async def revoke(self, session: Any, reason: str = "enough") -> float:
        """A person's PATCH; answers when it was sent."""
        path = (
            f"/apis/{names.API_VERSION}/namespaces/{session.metadata.namespace}/agentsessions/{session.metadata.name}"
        )
        body = {"spec": {"revocation": {"reason": reason}}}
        sent = boottime()
        status, answer = await self.run(
            self.cluster.request, "PATCH", path, body, content_type="application/merge-patch+json"
        )
        assert status == 200, answer
        return sent

    @property
    def definitions(self) -> Definitions:
        return self._definitions  # type: ignore[attr-defined]


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def operator_access(pipes_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's own credentials: the token of a Pod of its ServiceAccount, never admin's."""
    folder = tmp_path_factory.mktemp("operator")
    pipes_cluster.create_pod(SYSTEM, "operator-tests", "operator")
    token = folder / "token"
    token.write_text(pipes_cluster.pod_token(SYSTEM, "operator-tests", None))
    return pipes_cluster.token_kubeconfig(token, folder / "kubeconfig")


@pytest.fixture
async def kube(operator_access: Path) -> AsyncIterator[KubeClient]:
    async with KubeClient(await access.load(operator_access)) as client:
        yield client


@pytest.fixture
def service_settings() -> ServiceSettings:
    """Overridden by tests that need other numbers."""
    return ServiceSettings(
        namespace=SYSTEM, listen="127.0.0.1", port=0, broker_user=BROKER, broker_names=("broker.test", "127.0.0.1")
    )


@pytest.fixture
async def service(
    pipes_cluster: Cluster, kube: KubeClient, service_settings: ServiceSettings
) -> AsyncIterator[Service]:
    world = World()
    writer = Writer(kube, world)
    definitions = Definitions(Sources(load()), kube, SYSTEM)
    holder: dict[str, Service] = {}

    async def take(binding: ProviderBinding, found: messages.Discovered) -> None:
        await definitions.discovered.take(binding.metadata.uid, found.tools, found.problem)

    app = SessionService(
        world=world,
        writer=writer,
        kube=kube,
        settings=service_settings,
        definitions=definitions,
        discovered=take,
        leads=lambda clock: holder["it"].leads,
        # These tests write status as the operator does, without its decisions.
        vouched=lambda session: True,
    )
    tasks = [
        asyncio.create_task(_follow(pipes_cluster, "agentsessions", world.put_session, world.drop_session)),
        asyncio.create_task(_follow(pipes_cluster, "providerbindings", world.put_binding, world.drop_binding)),
        asyncio.create_task(_prove(world, lambda: holder["it"].proven)),
    ]
    running = Service(pipes_cluster, world, writer, kube, app, None)  # type: ignore[arg-type]
    running._definitions = definitions  # type: ignore[attr-defined]
    holder["it"] = running
    await app.start()
    trust = ssl.create_default_context(cadata=app.authority.pem)
    running.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust, limit=0))
    try:
        yield running
    finally:
        for stream in running._streams:
            await stream.close()
        await app.stop()
        await running.http.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _prove(world: World, proven: Callable[[], bool]) -> None:
    """Stands for the operator's heartbeat: says that the watches are current, while the test wants so."""
    while True:
        if proven():
            for kind in ("session", "binding"):
                world.seen_heartbeat(kind, boottime())  # type: ignore[arg-type]
        await asyncio.sleep(0.05)


async def _follow(cluster: Cluster, plural: str, put: Callable[[Any], Any], drop: Callable[[str], None]) -> None:
    """A list, then a watch, straight into the World."""
    user, _ = service_account(SYSTEM, "operator")
    path = f"/apis/{names.API_VERSION}/{plural}"
    _, listed = await asyncio.to_thread(cluster.request, "GET", path, as_user=user)
    for item in listed["items"]:
        put(item)
    certificate = cluster.kubeconfig("admin")
    endpoint = (await access.load(certificate)).tls()
    url = f"{cluster.url}{path}?watch=1&resourceVersion={listed['metadata']['resourceVersion']}"
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=endpoint)) as http,
        http.get(url, timeout=aiohttp.ClientTimeout(total=None), read_bufsize=1 << 22) as response,
    ):
        with contextlib.suppress(aiohttp.ClientError):
            async for line in response.content:
                event = json.loads(line)
                if event["type"] == "DELETED":
                    drop(event["object"]["metadata"]["uid"])
                elif event["type"] in ("ADDED", "MODIFIED"):
                    put(event["object"])
