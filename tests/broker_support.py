"""A broker between a real API server (TokenReview), a session service that a test speaks for, and the sandbox."""

import asyncio
import datetime as dt
import json
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import pipes_catalog
from cluster import Cluster
from egress_support import ACCOUNTS, ADMIN_TOKEN, API_KEY, CATALOGS, Sandbox, granted
from live.session_service import SessionServiceServer
from pipes_api import messages
from pipes_api.clock import boottime
from pipes_api.grant import Grant
from pipes_api.names import BROKER_AUDIENCE, SESSION_TOKEN_HEADER
from pipes_api.resources import Access, Agent, Limits
from pipes_api.states import SessionState
from pipes_egress.broker.app import Broker
from pipes_egress.broker.settings import BrokerSettings
from pipes_egress.call import ToolResult
from pipes_sandbox.server import running
from pipes_sandbox.settings import Settings

BROKER = messages.Identity(role="broker", namespace="pipes-system", service_account="broker", pod_uid="broker-pod")


class BrokersSessionService(SessionServiceServer):
    """What the operator tells a broker: every live session, no token, one moment until which all of it holds."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, BROKER)
        self.directory = directory
        self.discovered: asyncio.Queue[tuple[str, messages.Discovered]] = asyncio.Queue()
        self.definitions = {
            each.hash: pipes_catalog.to_wire(each) for name in ACCOUNTS for each in CATALOGS.tools(name)
        }

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/v1/watch", self._watch)
        app.router.add_post("/v1/sessions/{name}/reserve", self._reserve)
        app.router.add_post("/v1/sessions/{name}/usage", self._usage)
        app.router.add_post("/v1/certificate", self._certificate)
        app.router.add_post("/v1/bindings/{name}/tools", self._discovered)
        app.router.add_get("/.well-known/jwks.json", self._jwks)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    def snapshot(self) -> messages.Snapshot:
        return msgspec.structs.replace(super().snapshot(), leases=(), view_until=boottime() + self.lease_seconds)

    async def _discovered(self, request: web.Request) -> web.Response:
        answer = await self._answer(request, messages.Discovered, lambda _: {})
        self.discovered.put_nowait((request.match_info["name"], self.requests[-1]))
        return answer

    async def _certificate(self, request: web.Request) -> web.Response:
        def answer(asked: messages.CertificateRequest) -> messages.Certificate:
            csr = x509.load_pem_x509_csr(asked.csr.encode())
            ca = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
            key: Any = serialization.load_pem_private_key((self.directory / "tls.key").read_bytes(), None)
            now = dt.datetime.now(dt.UTC)
            names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            signed = (
                x509.CertificateBuilder()
                .subject_name(csr.subject)
                .issuer_name(ca.subject)
                .public_key(csr.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - dt.timedelta(minutes=1))
                .not_valid_after(now + dt.timedelta(minutes=30))
                .add_extension(names, critical=False)
                .sign(key, hashes.SHA256())
            )
            pem = signed.public_bytes(serialization.Encoding.PEM).decode()
            return messages.Certificate(certificate=pem, ca=self.ca_file.read_text())

        return await self._answer(request, messages.CertificateRequest, answer)


def binding_view(namespace: str, provider: str, **changes: Any) -> messages.BindingView:
    made = messages.BindingView(
        namespace=namespace,
        name=provider,
        uid=f"uid-{provider}",
        provider=provider,
        max_access=Access.WRITE,
        tools=granted(provider).tools,
        ready=True,
        connected=True,
    )
    return msgspec.structs.replace(made, **changes)


def session_view(
    namespace: str, pod_uid: str, provider: str, *, access: Access = Access.WRITE, limits: Limits | None = None
) -> messages.SessionView:
    uid = str(uuid.uuid4())
    agent = Agent(service_account_name="analyst", pod_uid=pod_uid)
    bindings = (granted(provider, access),)
    made = Grant(uid=uid, agent=agent, duration=900, reason="t", bindings=bindings, limits=limits or Limits())
    return messages.SessionView(
        namespace=namespace,
        name="analyst-1",
        uid=uid,
        state=SessionState.ACTIVE,
        agent=agent,
        live=True,
        pod_uid=pod_uid,
        grant=made,
        grant_hash="g1-x",
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=15),
    )


@dataclass
class Brokered:
    """A running broker and what surrounds it."""

    broker: Broker
    service: BrokersSessionService
    sandbox: Sandbox
    http: aiohttp.ClientSession
    namespace: str
    pod_uid: str
    projected: str

    def session(self, provider: str = "snowflake", **options: Any) -> messages.SessionView:
        made = session_view(self.namespace, self.pod_uid, provider, **options)
        self.service.put(binding_view(self.namespace, provider))
        self.service.put(made)
        return made

    async def change(self, uid: str, **fields: Any) -> None:
        """Change a session, and wait until the broker has seen it."""
        heard = asyncio.Event()
        self.broker.view.on_change(lambda _: heard.set())
        self.service.change(uid, **fields)
        async with asyncio.timeout(10):
            while (seen := self.broker.view.session(uid)) is None or any(
                getattr(seen, name) != value for name, value in fields.items()
            ):
                heard.clear()
                await heard.wait()

    def token(self, session: messages.SessionView, **claims: Any) -> str:
        return self.service.token(session, **{"pod": self.pod_uid, **claims})

    def request(self, token: str, body: Any, *, projected: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {projected or self.projected}", SESSION_TOKEN_HEADER: token}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(f"https://127.0.0.1:{self.broker.port}/v1/call", data=data, headers=headers)

    async def lines(self, token: str, body: Any, **options: Any) -> list[dict[str, Any]]:
        async with self.request(token, body, **options) as response:
            assert response.status == 200, await response.text()
            return [msgspec.json.decode(line) for line in (await response.read()).splitlines()]

    async def call(
        self, session: messages.SessionView, tool: str, arguments: dict[str, Any], **options: Any
    ) -> ToolResult:
        """One call of a tool of the session's first binding."""
        assert session.grant is not None
        body = {"binding": session.grant.bindings[0].name, "tool": tool, "arguments": arguments}
        body |= options.pop("body", {})
        token = options.pop("token", None) or self.token(session)
        return msgspec.convert((await self.lines(token, body, **options))[-1]["result"], ToolResult)

    async def query(self, session: messages.SessionView, statement: str, **options: Any) -> ToolResult:
        body = {"binding": "snowflake", "tool": "snowflake_query", "arguments": {"statement": statement}}
        token = options.pop("token", None) or self.token(session)
        return msgspec.convert((await self.lines(token, body, **options))[-1]["result"], ToolResult)


def trusting(ca_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file))


@asynccontextmanager
async def running_broker(
    cluster: Cluster, namespace: str, directory: Path, before: Callable[[str], Any] | None = None
) -> AsyncIterator[Brokered]:
    """A broker, its session service and a sandbox, and a pod `agent` of ServiceAccount `analyst` that may call it.

    `before` is given the sandbox's URL, and makes a context manager of the URL that the broker uses in its place.
    """
    pod = await asyncio.to_thread(cluster.create_pod, namespace, "agent", "analyst")
    projected = await asyncio.to_thread(cluster.pod_token, namespace, "agent", BROKER_AUDIENCE)
    key = directory / "workos-key"
    key.write_text(API_KEY)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(running(Settings(port=0, api_key=API_KEY, admin_token=ADMIN_TOKEN)))
        seen_as = sandbox.url if before is None else await stack.enter_async_context(before(sandbox.url))
        service = BrokersSessionService(directory)
        await service.start()
        stack.push_async_callback(service.stop)
        broker = Broker(
            BrokerSettings(
                listen="127.0.0.1",
                port=0,
                health_listen="127.0.0.1",
                health_port=0,
                names=("127.0.0.1",),
                operator_url=service.url,
                ca_file=service.ca_file,
                token_file=service.token_file,
                kubeconfig=cluster.kubeconfig("admin"),
                workos_key_file=key,
                sandbox=seen_as,
            )
        )
        await broker.start()
        stack.push_async_callback(broker.stop)
        connector = aiohttp.TCPConnector(ssl=trusting(service.ca_file))
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        admin = await stack.enter_async_context(
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})
        )
        uid = pod["metadata"]["uid"]
        yield Brokered(broker, service, Sandbox(sandbox.url, admin), http, namespace, uid, projected)
