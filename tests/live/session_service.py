"""A session service for tests: speaks the real messages over real TLS, and decides nothing by itself."""

import asyncio
import datetime as dt
import ipaddress
import ssl
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
import msgspec
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipes_api import canonical, messages
from pipes_api.clock import boottime
from pipes_api.names import SESSION_AUDIENCE
from pipes_api.resources import Agent
from pipes_api.states import SessionState
from pipes_api.tokens import ALGORITHM, TYPE, service_account

ISSUER = "https://pipes-operator.test.svc"
IDENTITY = messages.Identity(
    role="gateway", namespace="team-a", service_account="analyst", pod_uid="pod-1", pod_name="agent"
)
PROJECTED = "projected-token"


class SigningKey:
    """An ES256 key and its JWK."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        thumbprint = canonical.digest({name: jwk[name] for name in ("crv", "kty", "x", "y")})
        self.jwk = {**jwk, "alg": ALGORITHM, "use": "sig", "kid": thumbprint}
        self.kid = thumbprint

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.private, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": self.kid})


class SessionServiceServer:
    """State that a test changes with `put` and `drop`; each change goes down every open stream at once."""

    def __init__(self, directory: Path, identity: messages.Identity = IDENTITY) -> None:
        self.identity = identity
        self.ca_file = directory / "ca.crt"
        self.token_file = directory / "operator-token"
        self.token_file.write_text(PROJECTED + "\n")
        self._tls = serving_certificate(directory)
        self.key = SigningKey()
        self.bindings: dict[str, messages.BindingView] = {}
        self.sessions: dict[str, messages.SessionView] = {}
        self.definitions: dict[str, dict[str, Any]] = {}
        self.requests: list[Any] = []
        self.lease_seconds = 60.0
        self.refuse_with: messages.Failure | None = None
        self.budget: int | None = None
        self.reserved = 0
        self.before_reserving: Callable[[], Awaitable[None]] | None = None
        self.tool_budgets: dict[str, int] = {}
        self.spent: set[str] = set()
        """Ids of exact calls."""
        self.watches = 0
        self.answers_watch = True
        self._streams: set[asyncio.Queue[Any]] = set()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/v1/watch", self._watch)
        app.router.add_post("/v1/sessions", self._create)
        app.router.add_post("/v1/sessions/{name}/end", self._end)
        app.router.add_post("/v1/sessions/{name}/reserve", self._reserve)
        app.router.add_post("/v1/sessions/{name}/usage", self._usage)
        app.router.add_get("/.well-known/jwks.json", self._jwks)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await self._runner.setup()
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self._tls, reuse_address=True)
        await site.start()
        self.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # -- what a test says ----------------------------------------------------------

    def put(self, item: messages.BindingView | messages.SessionView) -> None:
        """A binding or session is as given now; a live session gets a lease."""
        if isinstance(item, messages.BindingView):
            self.bindings[item.uid] = item
            self._send(messages.BindingChanged(binding=item, definitions=self.definitions))
            return
        self.sessions[item.uid] = item
        lease = self.lease(item) if item.live else None
        self._send(messages.SessionChanged(session=item, lease=lease, definitions=self.definitions))

    def change(self, uid: str, **fields: Any) -> messages.SessionView:
        """Change fields of a session."""
        session = msgspec.structs.replace(self.sessions[uid], **fields)
        self.put(session)
        return session

    def drop(self, uid: str) -> None:
        if self.sessions.pop(uid, None) is not None:
            self._send(messages.SessionGone(uid=uid))
        binding = self.bindings.pop(uid, None)
        if binding is not None:
            self._send(messages.BindingGone(namespace=binding.namespace, name=binding.name, uid=uid))

    def cut(self) -> None:
        """Every stream ends, without a word."""
        self._send(None)

    def say(self, event: Any) -> None:
        self._send(event)

    def lease(self, session: messages.SessionView) -> messages.Lease:
        return messages.Lease(uid=session.uid, until=boottime() + self.lease_seconds, token=self.token(session))

    def token(self, session: messages.SessionView, **changes: Any) -> str:
        now = int(dt.datetime.now(dt.UTC).timestamp())
        claims = {
            "iss": ISSUER,
            "aud": SESSION_AUDIENCE,
            "sub": service_account(session.namespace, session.agent.service_account_name),
            "sid": session.uid,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + max(1, int(self.lease_seconds)),
            "pod": self.identity.pod_uid,
            "grantHash": session.grant_hash,
        }
        return self.key.sign({**claims, **changes})

    def snapshot(self) -> messages.Snapshot:
        sessions = tuple(self.sessions.values())
        return messages.Snapshot(
            protocol=messages.PROTOCOL,
            clock=boottime(),
            now=dt.datetime.now(dt.UTC),
            issuer=ISSUER,
            you=self.identity,
            bindings=tuple(self.bindings.values()),
            sessions=sessions,
            leases=tuple(self.lease(each) for each in sessions if each.live),
            definitions=self.definitions,
            jwks={"keys": [self.key.jwk]},
        )

    def _send(self, event: Any) -> None:
        for stream in self._streams:
            stream.put_nowait(event)

    # -- the protocol ----------------------------------------------------------------

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        self.watches += 1
        if (refusal := self._unauthenticated(request)) is not None or not self.answers_watch:
            return refusal or web.Response(status=503)
        response = web.StreamResponse()
        await response.prepare(request)
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self._streams.add(queue)
        try:
            event: Any = self.snapshot()
            while event is not None:
                await response.write(event if isinstance(event, bytes) else messages.encode(event) + b"\n")
                event = await queue.get()
            if request.transport is not None:
                request.transport.close()
        finally:
            self._streams.discard(queue)
        return response

    async def _create(self, request: web.Request) -> web.Response:
        def answer(asked: messages.CreateSession) -> messages.SessionCreated:
            same = [each for each in self.sessions.values() if each.requested == asked.bindings]
            if same:
                return messages.SessionCreated(session=same[0], created=False)
            session = messages.SessionView(
                namespace=self.identity.namespace,
                name=f"analyst-{len(self.sessions) + 1}",
                uid=str(uuid.uuid4()),
                state=SessionState.AWAITING_APPROVAL,
                agent=Agent(service_account_name=self.identity.service_account),
                pod_uid=self.identity.pod_uid,
                reason=asked.reason,
                requested=asked.bindings,
            )
            self.put(session)
            return messages.SessionCreated(session=session, created=True, notes=("duration cut to 1h",))

        return await self._answer(request, messages.CreateSession, answer)

    async def _end(self, request: web.Request) -> web.Response:
        def answer(asked: messages.EndSession) -> messages.SessionView:
            return self.change(asked.uid or "", state=SessionState.ENDED, live=False)

        return await self._answer(request, messages.EndSession, answer)

    async def _reserve(self, request: web.Request) -> web.Response:
        if self.before_reserving is not None:
            await self.before_reserving()
        return await self._answer(request, messages.Reserve, self._reserved)

    def requests_of(self, kind: type[Any]) -> list[Any]:
        return [each for each in self.requests if isinstance(each, kind)]

    def _reserved(self, asked: messages.Reserve) -> messages.Reserved:
        given = asked.calls if self.budget is None else min(asked.calls, self.budget - self.reserved)
        if asked.return_calls:
            self.spent.discard(asked.exact)
        if asked.exact in self.spent:
            given = 0
        of_tool = self.tool_budgets.get(asked.tool)
        if of_tool is not None:
            given = min(given, of_tool)
            self.tool_budgets[asked.tool] = of_tool = of_tool - given + asked.return_calls
        if given and asked.exact:
            self.spent.add(asked.exact)
        self.reserved += given - asked.return_calls
        left = self.budget - self.reserved if self.budget is not None else None
        return messages.Reserved(calls=given, writes=min(asked.writes, given), calls_left=left, tool_calls_left=of_tool)

    async def _usage(self, request: web.Request) -> web.Response:
        return await self._answer(request, messages.ReportUsage, lambda _: messages.Reserved())

    async def _jwks(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.jwk]})

    async def _answer(self, request: web.Request, kind: Any, answer: Callable[[Any], Any]) -> web.Response:
        if (refusal := self._unauthenticated(request)) is not None:
            return refusal
        asked = msgspec.json.decode(await request.read(), type=kind)
        self.requests.append(asked)
        if self.refuse_with is not None:
            return web.Response(status=409, body=messages.encode(self.refuse_with))
        return web.Response(body=messages.encode(answer(asked)))

    def _unauthenticated(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer {self.token_file.read_text().strip()}":
            return None
        failure = messages.Failure(reason="Unauthenticated", message="the token is not valid")
        return web.Response(status=401, body=messages.encode(failure))


def serving_certificate(directory: Path) -> ssl.SSLContext:
    """A certificate for 127.0.0.1 that is its own CA, written to `ca.crt`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(uuid.uuid4()))])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = directory / "tls.key"
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "ca.crt", private)
    return context
