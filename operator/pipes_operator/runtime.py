"""The operator put together: its parts, their order of starting, and how it stops."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from pipes_api import manifests
from pipes_api.clock import boottime
from pipes_api.messages import Discovered
from pipes_api.resources import ProviderBinding
from pipes_api.states import TERMINAL
from pipes_catalog import Catalogs

from . import metrics, watching
from .decisions.decide import wake_at
from .decisions.facts import Rules
from .definitions import Definitions
from .health import HealthServer
from .kube.access import Access
from .kube.client import KubeClient
from .kube.lease import LeaderLease
from .presence import PodEvent
from .probes import Probes
from .queue import WorkQueue
from .service.app import SessionService
from .service.settings import ServiceSettings
from .services.connections import BindingReconciler
from .services.events import Events
from .services.expiry import Expiry
from .services.heartbeat import Heartbeat
from .services.people import People
from .services.pipes import Pipes
from .services.pods import Pods
from .services.policies import PolicyGuard
from .services.policy_record import PolicyRecord
from .services.reconcile import SessionReconciler
from .services.relist import Relist
from .settings import OperatorSettings
from .sources import Sources
from .wiring import BindingKey, Key, SessionKey, Wiring
from .world import World
from .writer import Writer

logger = logging.getLogger(__name__)

_KOPF_STOP_SECONDS = 3.0


class Operator:
    """One operator process: a candidate, then perhaps the leader."""

    def __init__(self, settings: OperatorSettings, catalogs: Catalogs, access: Access, *, stamping: bool) -> None:
        """`stamping`: whether the stamping policy belongs to the installation."""
        self.settings = settings
        self.kube = KubeClient(access)
        self.world = World()
        self.writer = Writer(self.kube, self.world)
        self.lease = LeaderLease(
            self.kube,
            settings.namespace,
            settings.instance or f"{socket.gethostname()}_{uuid.uuid4()}",
            seconds=settings.leadership_seconds,
        )
        self.probes = Probes(self.world, self.lease, settings)
        sources = Sources(catalogs, settings.allowed_hosts, relay=settings.relay)
        self.definitions = Definitions(sources, self.kube, settings.namespace)
        self.service = SessionService(
            world=self.world,
            writer=self.writer,
            kube=self.kube,
            settings=service_settings(settings),
            definitions=self.definitions,
            discovered=self._discovered,
            leads=self.lease.holds,
            vouched=lambda session: self.sessions.vouches_for(session),
        )
        self.queue: WorkQueue[Key] = WorkQueue(self._work, workers=settings.workers)
        self.pipes = Pipes(settings.workos_url, settings.workos_key_file, settings.sandbox)
        self.bindings = BindingReconciler(
            self.world,
            self.writer,
            self.kube,
            self.pipes,
            self.definitions,
            lambda namespace, name, seconds: self.queue.add_after(BindingKey(namespace, name), seconds),
            seconds=settings.connection_check_seconds,
        )
        self.people = People(
            self.pipes,
            lambda uid, seconds: self.queue.add_after(SessionKey(uid), seconds),
            seconds=settings.connection_check_seconds,
        )
        self.wiring = Wiring(self.world, self.queue, lambda uid: self.sessions.forget(uid), self.bindings.forget)
        self.pods = Pods(self.kube, self.wiring.pod_changed)
        self.events = Events(self.kube, socket.gethostname())
        self.guard = PolicyGuard(
            self.kube,
            PolicyRecord(self.kube, settings.namespace),
            [*manifests.crds(), *manifests.policies(settings.identity, stamping=stamping)],
            manifests.same_spec,
            proof_seconds=settings.proof_seconds,
        )
        rules = rules_of(settings, stamping=stamping)
        self.sessions = SessionReconciler(
            self.world,
            self.writer,
            self.guard,
            self.pods,
            self.people,
            self.definitions,
            self.events,
            rules,
            may_activate=self.probes.is_current,
        )
        self.expiry = Expiry(lambda session: wake_at(session, rules), self.wiring.due)
        self.relist = Relist(self.kube, self.world, self.writer, settings.namespaces)
        self.heartbeat = Heartbeat(self.kube, self.world, settings.namespaces or (settings.namespace,))
        self.health = HealthServer(
            settings.health_listen,
            settings.health_port,
            self.probes.alive,
            self.probes.ready,
            lambda: self.probes.measure(len(self.queue)),
        )
        self._access = access
        self.world.listen(self.expiry.hear)
        self.world.listen(self.wiring.hear)
        self.guard.listen(self.wiring.policies_changed)
        self.pods.follow(self.service.connections, self.queue.add)

    async def run(self) -> None:
        """Serve until a signal stops it.

        Raises:
            Exception: a part ended by itself; whatever it was, the process must end.
        """
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        _heed_signals(loop, stop)
        try:
            port = await self.health.start()
            logger.info("probes and metrics on port %d", port)
            if await _first(self.lease.acquire(), stop):
                await self._lead(stop)
        finally:
            await self._close()

    async def _lead(self, stop: asyncio.Event) -> None:
        started = time.monotonic()
        self.probes.leading_since = boottime()
        metrics.LEADER.set(1)
        keep = asyncio.create_task(self.lease.keep(), name="lease")
        await self.definitions.load()
        await self.relist.load()
        self.sessions.adopt()
        settings = self.settings
        # It refuses everybody until the view is proven.
        await self.service.start()
        if settings.ca_bundle_file is not None:
            await asyncio.to_thread(_replace, settings.ca_bundle_file, self.service.authority.pem)
        kopf_stop, kopf_ready = asyncio.Event(), asyncio.Event()
        handlers = watching.registry(self.world, self._access, self.heartbeat.seen)
        # kopf cancels the tasks that are younger than itself when it stops: it is the last thing to stop on purpose.
        watches = asyncio.create_task(
            watching.watch(handlers, settings.namespaces, kopf_stop, kopf_ready), name="watches"
        )
        await _first(kopf_ready.wait(), stop)
        _heed_signals(asyncio.get_running_loop(), stop)  # kopf has put its own in their place
        await self.guard.look(self.wiring.waiting())
        self.probes.serving = True
        parts: dict[str, Coroutine[Any, Any, None]] = {
            "queue": self.queue.run(),
            "heartbeat": self.heartbeat.run(settings.heartbeat_seconds),
            "expiry": self.expiry.run(),
            "relist": self.relist.run(settings.relist_seconds, self._tidy),
            "policies": self.guard.run(self.wiring.waiting, seconds=settings.policy_check_seconds),
            "events": self.events.run(),
        }
        tasks = [keep, watches, *(asyncio.create_task(part, name=name) for name, part in parts.items())]
        # What is there now stays: a full collection over it would hold up a revocation.
        gc.collect()
        gc.freeze()
        logger.info(
            "leading after %.1f s with %d sessions", time.monotonic() - started, len(list(self.world.sessions()))
        )
        stopped = asyncio.create_task(stop.wait(), name="stop")
        done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
        self.probes.serving = False
        try:
            for task in done - {stopped}:
                task.result()
                raise RuntimeError(f"{task.get_name()} ended by itself")
        finally:
            await self.service.stop()
            for task in tasks:
                if task is not watches:
                    task.cancel()
            await self.lease.release()
            kopf_stop.set()
            await asyncio.wait([watches], timeout=_KOPF_STOP_SECONDS)

    async def _work(self, key: Key) -> None:
        started = time.perf_counter()
        match key:
            case SessionKey(uid):
                await self.sessions.reconcile(uid)
            case BindingKey(namespace, name):
                await self.bindings.reconcile(namespace, name)
            case PodEvent():
                await self.pods.look(key)
        metrics.WORK_SECONDS.labels(type(key).__name__).observe(time.perf_counter() - started)

    async def _discovered(self, binding: ProviderBinding, found: Discovered) -> None:
        """What the broker has read from a hosted server: new tools are a new status of the binding."""
        if await self.definitions.discovered.take(binding.metadata.uid, found.tools, found.problem):
            self.queue.add(BindingKey(binding.metadata.namespace, binding.metadata.name))

    async def _tidy(self) -> None:
        """After each re-list: pods that nobody is connected from, and what nothing uses any more."""
        live = [each for each in self.world.sessions() if each.status.state not in TERMINAL]
        used: set[str] = set()
        for session in live:
            absent = self.pods.absent(session)
            if absent is not None:
                self.queue.add(absent, routine=True)
            bound = session.status.bound_pod
            used |= {uid for uid in (session.spec.agent.pod_uid, bound.uid if bound is not None else None) if uid}
        self.pods.forget(used)
        await self.definitions.collect((each.status.grant for each in live), self.world.bindings())

    async def _close(self) -> None:
        metrics.LEADER.set(0)
        for closing in (self.health.stop(), self.pipes.close(), self.kube.close()):
            with contextlib.suppress(Exception):
                await closing


def _replace(path: Path, text: str) -> None:
    """Whoever reads it finds the old text or the new, never a part of one."""
    made = path.with_name(f".{path.name}.{os.getpid()}")
    made.write_text(text)
    made.replace(path)


def rules_of(settings: OperatorSettings, *, stamping: bool) -> Rules:
    """The numbers that decisions use."""
    return Rules(
        request_timeout=timedelta(seconds=settings.request_timeout_seconds),
        activation_window=timedelta(seconds=settings.activation_window_seconds),
        born_approved=timedelta(seconds=settings.born_approved_seconds),
        retention=timedelta(seconds=settings.retention_seconds),
        pending_cap=settings.pending_cap,
        longest=timedelta(seconds=settings.maximum_duration_seconds),
        stamping=stamping,
    )


def service_settings(settings: OperatorSettings) -> ServiceSettings:
    """The part of the settings that the session service needs."""
    default = ServiceSettings(namespace=settings.namespace)
    broker = f"pipes-broker.{settings.namespace}.svc"
    return ServiceSettings(
        namespace=settings.namespace,
        issuer=settings.issuer_url,
        listen=settings.listen,
        port=settings.port,
        extra_names=settings.service_names,
        broker_user=settings.broker_identity,
        broker_names=settings.broker_names or (broker, *default.broker_names[1:]),
        lease_seconds=settings.lease_seconds,
        proof_seconds=settings.proof_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        pending_cap=settings.pending_cap,
        retention_seconds=settings.retention_seconds,
    )


async def _first(wanted: Coroutine[Any, Any, Any], stop: asyncio.Event) -> bool:
    """Whether `wanted` was there before `stop`; its error is raised."""
    task, stopped = asyncio.create_task(wanted), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        for each in (task, stopped):
            each.cancel()


def _heed_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)
