"""ProviderBindings: asks Pipes on schedule, writes what a person must know and do."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pipes_api.resources import ProviderBinding
from pipes_operator.decisions import bindings as decisions
from pipes_operator.decisions.bindings import BindingFacts
from pipes_operator.decisions.facts import Offers
from pipes_operator.decisions.reports import Report, Word
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import Conflict, NotFound
from pipes_operator.world import World
from pipes_operator.writer import Writer

from .pipes import Pipes, PipesUnavailable

logger = logging.getLogger(__name__)

_LOOKS_AT_ONCE = 8
_FIRST_RETRY = 2.0
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class _Look:
    generation: int
    report: Report
    next_at: float
    failures: int


class BindingReconciler:
    """One binding at a time: look if it is time, decide, write."""

    def __init__(
        self,
        world: World,
        writer: Writer,
        kube: KubeClient,
        pipes: Pipes,
        offers: Offers,
        again: Callable[[str, str, float], None],
        *,
        seconds: float,
    ) -> None:
        self._world = world
        self._writer = writer
        self._kube = kube
        self._pipes = pipes
        self._offers = offers
        self._again = again
        self._seconds = seconds
        self._looks: dict[str, _Look] = {}
        self._limit = asyncio.Semaphore(_LOOKS_AT_ONCE)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Bring the status of the binding up to date; schedules the next look.

        Raises:
            KubeError: try again.
        """
        for _ in range(_ATTEMPTS):
            binding = self._world.binding(namespace, name)
            if binding is None:
                return
            report = None if binding.spec.connection.from_session else await self._report(binding)
            # Before it can be Ready: what is granted of it must outlive it.
            await self._offers.keep(self._offers.offer(binding))
            current = self._world.binding(namespace, name)
            if current is None or current.metadata.uid != binding.metadata.uid:
                continue
            if current.metadata.generation != binding.metadata.generation:
                continue
            others = tuple(
                self._offers.offer(each) for each in self._world.bindings(namespace) if each.metadata.name != name
            )
            now = max(datetime.now(UTC), self._kube.server_time or datetime.min.replace(tzinfo=UTC))
            status = decisions.decide(BindingFacts(self._offers.offer(current), report, others, now))
            if status is None:
                return
            try:
                await self._writer.write_binding_status(current, status)
            except NotFound:
                self._world.drop_binding(current.metadata.uid)
            except Conflict:
                await self._refresh(namespace, name)
                continue
            return
        raise Conflict(f"the binding {namespace}/{name} keeps changing")

    def forget(self, uid: str) -> None:
        self._looks.pop(uid, None)

    async def _report(self, binding: ProviderBinding) -> Report:
        uid, generation = binding.metadata.uid, binding.metadata.generation
        look, clock = self._looks.get(uid), asyncio.get_running_loop().time()
        if look is not None and look.generation == generation and clock < look.next_at:
            return look.report
        failures = look.failures if look is not None and look.generation == generation else 0
        wait = self._seconds * random.uniform(0.8, 1.2)  # noqa: S311 - spreads the load, decides nothing
        async with self._limit:
            try:
                report = await self._pipes.look(binding.spec.provider, binding.spec.connection)
            except PipesUnavailable as error:
                report = Report(Word.UNAVAILABLE, str(error))
                wait = max(error.retry_after or 0.0, min(_FIRST_RETRY * 2 ** min(failures, 10), self._seconds))
        failures = 0 if report.word is Word.CONNECTED else failures + 1
        if report.word is not Word.CONNECTED and report.word is not Word.UNAVAILABLE:
            # A single wrong word must not keep a connection out for a whole period.
            wait = min(wait, _FIRST_RETRY * 2 ** min(failures, 10))
        self._looks[uid] = _Look(generation, report, clock + wait, failures)
        self._again(binding.metadata.namespace, binding.metadata.name, wait + 0.01)
        return report

    async def _refresh(self, namespace: str, name: str) -> None:
        try:
            await self._writer.refresh_binding(namespace, name)
        except NotFound:
            gone = self._world.binding(namespace, name)
            if gone is not None:
                self._world.drop_binding(gone.metadata.uid)
