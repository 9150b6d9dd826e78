"""HTTP of the session service: thin handlers, and one place where refusals become answers."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import hdrs, web

from pipes_api.messages import (
    Certificate,
    CertificateRequest,
    Discovered,
    EndSession,
    Failure,
    Identity,
    ReportUsage,
    Reserve,
    encode,
)
from pipes_api.reasons import RequestRefusal
from pipes_operator.keys.authority import CertificateAuthority, RequestUnacceptable
from pipes_operator.keys.signing import SigningKeys

from . import bodies, metrics
from .authentication import Authenticator
from .discovery import DEEPEST, MOST_BYTES, Discovery
from .refusals import Refused, forbidden, invalid
from .reservations import Reservations
from .sessions import Sessions
from .settings import ServiceSettings
from .usage import UsageBook
from .watching import Watching

logger = logging.getLogger(__name__)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Routes:
    """Handlers over the parts of the service."""

    def __init__(
        self,
        *,
        authenticator: Authenticator,
        watching: Watching,
        sessions: Sessions,
        reservations: Reservations,
        usage: UsageBook,
        discovery: Discovery,
        keys: SigningKeys,
        authority: CertificateAuthority,
        settings: ServiceSettings,
        ready: Callable[[], bool],
    ) -> None:
        self._authenticator = authenticator
        self._watching = watching
        self._sessions = sessions
        self._reservations = reservations
        self._usage = usage
        self._discovery = discovery
        self._keys = keys
        self._authority = authority
        self._settings = settings
        self._ready = ready

    def application(self) -> web.Application:
        application = web.Application(
            middlewares=[answer_refusals, self._only_when_ready], client_max_size=bodies.MOST_BYTES
        )
        application.add_routes(
            [
                web.get("/v1/watch", self._watching.watch, allow_head=False),
                web.post("/v1/sessions", self.create),
                web.post("/v1/sessions/{name}/end", self.end),
                web.post("/v1/sessions/{name}/reserve", self.reserve),
                web.post("/v1/sessions/{name}/usage", self.report),
                web.post("/v1/bindings/{name}/tools", self.tools),
                web.post("/v1/certificate", self.certificate),
                web.get("/.well-known/jwks.json", self.jwks, allow_head=False),
            ]
        )
        return application

    async def create(self, request: web.Request) -> web.Response:
        caller = await self._caller(request)
        body = await bodies.read(request, bodies.StrictCreateSession)
        created = await self._sessions.create(caller, body)
        return _json(created, 201 if created.created else 200)

    async def end(self, request: web.Request) -> web.Response:
        caller = await self._caller(request)
        body = await bodies.read(request, EndSession)
        return _json(await self._sessions.end(caller, request.match_info["name"], body))

    async def reserve(self, request: web.Request) -> web.Response:
        caller = await self._caller(request)
        body = await bodies.read(request, Reserve)
        return _json(await self._reservations.reserve(caller, request.match_info["name"], body))

    async def report(self, request: web.Request) -> web.Response:
        caller = await self._caller(request)
        self._usage.add(caller, request.match_info["name"], await bodies.read(request, ReportUsage))
        return _json({}, 202)

    async def tools(self, request: web.Request) -> web.Response:
        caller = await self._caller(request)
        self._discovery.check(caller)
        found = await bodies.read(request, Discovered, most=MOST_BYTES, deepest=DEEPEST)
        await self._discovery.take(caller, request.match_info["name"], found)
        return _json({})

    async def certificate(self, request: web.Request) -> web.Response:
        caller = await self._caller(request)
        if caller.role != "broker":
            raise forbidden("certificates are for the broker")
        body = await bodies.read(request, CertificateRequest)
        now = datetime.now(UTC)
        try:
            signed = self._authority.sign_request(body.csr, self._settings.broker_names, now)
        except RequestUnacceptable as error:
            raise invalid(str(error)) from None
        return _json(Certificate(certificate=signed, ca=self._authority.pem))

    async def jwks(self, _: web.Request) -> web.Response:
        return _json(self._keys.jwks)

    async def _caller(self, request: web.Request) -> Identity:
        return (await self._authenticator.request(request.headers.get(hdrs.AUTHORIZATION))).identity

    @web.middleware
    async def _only_when_ready(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not self._ready():
            message = "this operator is not the leader, or has not seen everything yet"
            raise Refused(RequestRefusal.NOT_LEADER, message, "try again in a moment", 1.0)
        return await handler(request)


@web.middleware
async def answer_refusals(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Every failure as `messages.Failure`, whatever it was. What went wrong inside is logged, not told."""
    try:
        return await handler(request)
    except Refused as refused:
        failure, status = refused.failure, refused.status
    except web.HTTPException as error:
        if error.status < 400:
            raise
        failure, status = _of_http(error), error.status
    except Exception:
        logger.exception("%s %s failed", request.method, request.path)
        failure, status = (
            Failure(reason=RequestRefusal.UNAVAILABLE, message="the operator failed; its log says why"),
            500,
        )
    metrics.REFUSALS.labels(failure.reason).inc()
    return _json(failure, status, _headers_of(failure, status))


def _of_http(error: web.HTTPException) -> Failure:
    sentences = {
        404: "there is no such path",
        405: "this path takes another method",
        413: f"a body may have {bodies.MOST_BYTES} bytes",
    }
    reason = RequestRefusal.NOT_FOUND if error.status == 404 else RequestRefusal.INVALID
    return Failure(reason=reason, message=sentences.get(error.status, error.reason))


def _headers_of(failure: Failure, status: int) -> dict[str, str]:
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if failure.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, round(failure.retry_after_seconds)))
    return headers


def _json(
    message: msgspec.Struct | dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=encode(message),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
    )
