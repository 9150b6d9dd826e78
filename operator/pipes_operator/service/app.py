"""The session service as one thing: what it is made of, its start, its rounds, its stop."""

import asyncio
import contextlib
import errno
import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from pipes_api.clock import boottime
from pipes_api.resources import AgentSession
from pipes_operator.keys.authority import CertificateAuthority
from pipes_operator.keys.secrets import SecretUnreadable
from pipes_operator.keys.signing import SigningKeys
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import KubeError
from pipes_operator.world import World
from pipes_operator.writer import Writer

from .authentication import Authenticator
from .connections import OpenConnections
from .definitions import Definitions
from .discovery import Discovery, Take
from .hub import Hub
from .leases import Leases
from .reservations import Reservations
from .routes import Routes
from .serving import ServingCertificate, use_small_buffers
from .sessions import Sessions
from .settings import ServiceSettings
from .usage import UsageBook
from .watching import Watching

logger = logging.getLogger(__name__)

_TURN_SECONDS = 0.25
_KEYS_EVERY_SECONDS = 30.0
_STOP_SECONDS = 3.0


class ServiceStartError(Exception):
    """One line: why the service cannot start, and what to do."""


class SessionService:
    """The operator's HTTP face to gateways and broker.

    Attributes:
        connections: which pods are connected; heed it before `start`.
        keys: the signing keys; `keys.rotate(now)` rotates.
        authority: the CA that gateways and broker trust; `authority.pem` is its certificate, once started.
        port: where it listens, once started.
    """

    def __init__(
        self,
        *,
        world: World,
        writer: Writer,
        kube: KubeClient,
        settings: ServiceSettings,
        definitions: Definitions,
        discovered: Take,
        leads: Callable[[float], bool],
        vouched: Callable[[AgentSession], bool],
        clock: Callable[[], float] = boottime,
    ) -> None:
        """`leads`: whether this operator holds the Lease at a moment of CLOCK_BOOTTIME; `vouched`: see `Leases`;
        `discovered`: see `Discovery`.
        """
        self.connections = OpenConnections()
        self.keys = SigningKeys(kube, settings.namespace)
        self.authority = CertificateAuthority(kube, settings.namespace)
        self.port = settings.port
        self._settings = settings
        self._clock = clock
        self._leads = leads
        self._leases = Leases(
            self.keys,
            issuer=settings.issuer,
            seconds=settings.lease_seconds,
            proof_seconds=settings.proof_seconds,
            leads=leads,
            view_age=world.view_proof,
            vouched=vouched,
            clock=clock,
        )
        self._hub = Hub(world, self.keys, self._leases, definitions, settings, self.connections, clock)
        authenticator = Authenticator(kube, settings.broker_user, clock)
        self._sessions = Sessions(world, writer, definitions, pending_cap=settings.pending_cap)
        self._reservations = Reservations(world, writer, definitions, self._leases.allowed)
        self._usage = UsageBook(world, writer)
        self._certificate: ServingCertificate | None = None
        self._routes = Routes(
            authenticator=authenticator,
            watching=Watching(self._hub, authenticator, settings, self._leases.allowed, clock),
            sessions=self._sessions,
            reservations=self._reservations,
            usage=self._usage,
            discovery=Discovery(world, discovered),
            keys=self.keys,
            authority=self.authority,
            settings=settings,
            ready=lambda: leads(clock()) and math.isfinite(world.view_proof(clock())),
        )
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Load keys and authority, listen, begin the rounds.

        Raises:
            ServiceStartError: the port is taken, a Secret is not ours, or the API server refuses.
        """
        use_small_buffers()
        now = datetime.now(UTC)
        try:
            await self.keys.load(now)
            await self.authority.load(now)
        except (KubeError, SecretUnreadable) as error:
            raise ServiceStartError(f"the session service cannot load its keys: {error}") from None
        self._certificate = ServingCertificate(self.authority, self._settings.serving_names())
        self._certificate.renew()
        await self._listen(self._certificate)
        self._tasks = [
            asyncio.create_task(self._rounds(), name="session service rounds"),
            asyncio.create_task(self._reload_keys(), name="session service keys"),
            asyncio.create_task(self._usage.run(), name="session service usage"),
        ]

    async def stop(self) -> None:
        """Say goodbye on every stream, write what was reserved and counted, and close."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._hub.end_all("the operator stops")
        await self._reservations.stop()
        if self._leads(self._clock()):
            await self._usage.flush(_STOP_SECONDS)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _listen(self, certificate: ServingCertificate) -> None:
        # A handler is cancelled when its caller leaves: that is how the end of a stream is noticed.
        self._runner = web.AppRunner(
            self._routes.application(), access_log=None, handler_cancellation=True, shutdown_timeout=_STOP_SECONDS
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.listen, self._settings.port, ssl_context=certificate.context)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be listened on ({error.strerror})"
            raise ServiceStartError(
                f"port {self._settings.port} of {self._settings.listen} {why}: set another `port`"
            ) from None
        self.port = self._runner.addresses[0][1]
        logger.info("session service at %s port %d", self._settings.listen, self.port)

    async def _rounds(self) -> None:
        while True:
            try:
                self._hub.beat()
                await self._hub.renew(_breathe)
                self.connections.sweep(self._clock(), self._settings.pod_gone_seconds)
                if self._certificate is not None:
                    self._certificate.renew()
            except Exception:
                logger.exception("a round of the session service failed; the next one follows")
            await asyncio.sleep(_TURN_SECONDS)

    async def _reload_keys(self) -> None:
        """Another operator may have rotated."""
        while True:
            await asyncio.sleep(_KEYS_EVERY_SECONDS)
            with contextlib.suppress(KubeError):
                try:
                    await self.keys.load(datetime.now(UTC))
                except SecretUnreadable as error:
                    logger.error("the signing keys stay as they were: %s", error)


async def _breathe() -> None:
    await asyncio.sleep(0)
