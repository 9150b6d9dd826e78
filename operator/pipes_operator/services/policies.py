"""The guard: admission policies are in force, or nothing is activated (invariant 2).

Two proofs, each at most some seconds old. Every policy, binding and CRD equals
the text this version was shipped with; and the API server, asked in the session's
own namespace, refused an approved session that we sent as ourselves, by the name
of the approval policy. The first shows what else the policies hold, the second
that they are really asked: a binding may exempt one namespace, and a policy takes
a moment to come into force.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipes_api import names
from pipes_api.clock import boottime
from pipes_operator.decisions.facts import PolicyFacts
from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import Conflict, Forbidden, Invalid, KubeError, NotFound
from pipes_operator.kube.resource import (
    ADMISSION_BINDINGS,
    ADMISSION_POLICIES,
    CRDS,
    MUTATING_BINDINGS,
    MUTATING_POLICIES,
    SESSIONS,
    Resource,
)

from .policy_record import PolicyRecord, Seen

logger = logging.getLogger(__name__)

APPROVAL_POLICY = "approval.agentsessions.pipesmcp.io"
_RESOURCES = {
    each.kind: each for each in (ADMISSION_POLICIES, ADMISSION_BINDINGS, MUTATING_POLICIES, MUTATING_BINDINGS, CRDS)
}
_PROBES_AT_ONCE = 8

SameSpec = Callable[[Mapping[str, Any], Mapping[str, Any]], str | None]


@dataclass(frozen=True, slots=True)
class _Look:
    """One look: when it began (CLOCK_BOOTTIME), and what was wrong; empty when nothing was."""

    clock: float
    problem: str


class PolicyGuard:
    """Looks at the policies, keeps the proof warm where sessions wait, and tells when the answer changes."""

    def __init__(
        self,
        kube: KubeClient,
        record: PolicyRecord,
        shipped: Iterable[Mapping[str, Any]],
        same_spec: SameSpec,
        *,
        proof_seconds: float,
        clock: Callable[[], float] = boottime,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._kube = kube
        self._record = record
        self._shipped = [each for each in shipped if each["kind"] in _RESOURCES]
        self._same_spec = same_spec
        self._proof_seconds = proof_seconds
        self._clock = clock
        self._now = now
        self._texts: _Look | None = None
        self._compared: dict[tuple[str, str], tuple[str, str | None]] = {}
        self._probes: dict[str, _Look] = {}
        self._proving: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, tuple[bool, str, datetime | None]] = {}
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with a namespace when the answer for it changes."""
        self._listeners.append(callback)

    def facts(self, namespace: str) -> PolicyFacts:
        """What is known for that namespace now; without a recent look nothing is in force."""
        oldest = self._clock() - self._proof_seconds
        looks = [self._texts, self._probes.get(namespace)]
        if any(look is None or look.clock < oldest for look in looks):
            return PolicyFacts(fresh=False, in_force=False, changed_at=self._record.changed_at)
        problem = next((look.problem for look in looks if look is not None and look.problem), "")
        return PolicyFacts(fresh=True, in_force=not problem, problem=problem, changed_at=self._record.changed_at)

    async def prove(self, namespace: str) -> None:
        """Look now; whoever asks while a look is under way gets its answer."""
        running = self._proving.get(namespace)
        if running is None:
            running = asyncio.create_task(self._prove(namespace), name=f"policies in {namespace}")
            self._proving[namespace] = running
            running.add_done_callback(lambda _: self._proving.pop(namespace, None))
        await asyncio.shield(running)

    async def run(self, waiting: Callable[[], set[str]], *, seconds: float) -> None:
        """Keep the proof warm for the namespaces in which sessions wait."""
        while True:
            await self.look(waiting())
            await asyncio.sleep(seconds)

    async def look(self, namespaces: set[str]) -> None:
        """One round: the texts, then each namespace."""
        await self._compare()
        limit = asyncio.Semaphore(_PROBES_AT_ONCE)

        async def one(namespace: str) -> None:
            async with limit:
                await self._probe(namespace)

        await asyncio.gather(*(one(each) for each in namespaces))
        for gone in set(self._probes) - namespaces:
            del self._probes[gone]
            self._told.pop(gone, None)

    async def _prove(self, namespace: str) -> None:
        await asyncio.gather(self._compare(), self._probe(namespace))
        self._tell(namespace)

    async def _compare(self) -> None:
        clock = self._clock()
        try:
            live = await self._live()
            # Before anything may rest on this look: a change that is forgotten would let an older approval through.
            await self._record.update([Seen.of(each) for each in live.values()], self._server_now())
            problem = await self._difference(live)
        except (KubeError, _ChangedMeanwhileError) as error:
            logger.warning("the policies could not be looked at: %s", error)
            return  # the last look goes stale
        if problem and (self._texts is None or self._texts.problem != problem):
            logger.error("nothing can be activated: %s", problem)
        self._texts = _Look(clock, problem)
        for namespace in list(self._probes):
            self._tell(namespace)

    async def _live(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Metadata of every shipped object that is there: it tells whether the rest must be read again."""
        kinds = {each["kind"] for each in self._shipped} - {CRDS.kind}
        wanted = {(each["kind"], each["metadata"]["name"]) for each in self._shipped}
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for items in await asyncio.gather(*(self._list(_RESOURCES[kind]) for kind in kinds)):
            keyed = {(item["kind"], item["metadata"]["name"]): item for item in items}
            found |= {key: keyed[key] for key in keyed.keys() & wanted}
        for name in (name for kind, name in wanted if kind == CRDS.kind):
            try:
                item = await self._kube.get(CRDS, None, name, metadata_only=True)
            except NotFound:
                continue
            found[CRDS.kind, name] = {**item, "kind": CRDS.kind}
        return found

    async def _list(self, resource: Resource) -> list[dict[str, Any]]:
        try:
            items, _ = await self._kube.list(resource, metadata_only=True)
        except NotFound:
            return []  # this API server does not serve the kind
        return [{**item, "kind": resource.kind} for item in items]

    async def _difference(self, live: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
        for shipped in self._shipped:
            kind, name = shipped["kind"], shipped["metadata"]["name"]
            found = live.get((kind, name))
            if found is None:
                return f"{kind} {name} is missing. Apply those of this version again."
            different = await self._compared_once(shipped, _version(found))
            if different is not None:
                return f"{kind} {name} differs from this version at {different}. Put the one of this version back."
        return ""

    async def _compared_once(self, shipped: Mapping[str, Any], version: str) -> str | None:
        """The same version of the same object is read and compared once: a CRD takes milliseconds."""
        kind, name = shipped["kind"], shipped["metadata"]["name"]
        known = self._compared.get((kind, name))
        if known is None or known[0] != version:
            found = await self._kube.get(_RESOURCES[kind], None, name)
            if _version(found) != version:
                raise _ChangedMeanwhileError(f"{kind} {name} is being changed")
            known = (version, self._same_spec(shipped, {**found, "kind": kind}))
            self._compared[kind, name] = known
        return known[1]

    async def _probe(self, namespace: str) -> None:
        clock = self._clock()
        try:
            await self._kube.create(SESSIONS, namespace, _PROBE, dry_run=True)
            problem = f"the API server accepts an approval by the operator itself in {namespace}."
        except (Forbidden, Invalid) as error:
            problem = ""
            if f"'{APPROVAL_POLICY}'" not in error.message:
                problem = f"the policy {APPROVAL_POLICY} did not answer in {namespace}: {error.message}"
        except Conflict as error:
            problem = f"the policy {APPROVAL_POLICY} did not answer in {namespace}: {error.message}"
        except KubeError as error:
            logger.warning("the policies could not be asked in %s: %s", namespace, error)
            return
        self._probes[namespace] = _Look(clock, problem)
        self._tell(namespace)

    def _tell(self, namespace: str) -> None:
        facts = self.facts(namespace)
        now = (facts.in_force, facts.problem, facts.changed_at)
        if not facts.fresh or self._told.get(namespace) == now:
            return
        self._told[namespace] = now
        for listener in self._listeners:
            listener(namespace)

    def _server_now(self) -> datetime:
        return max(self._now(), self._kube.server_time or datetime.min.replace(tzinfo=UTC))


def _version(item: Mapping[str, Any]) -> str:
    return f"{item['metadata']['uid']}/{item['metadata']['resourceVersion']}"


class _ChangedMeanwhileError(Exception):
    """What was compared is not what was recorded."""


_PROBE = {
    "apiVersion": names.API_VERSION,
    "kind": SESSIONS.kind,
    "metadata": {"name": "pipes-policy-probe"},
    "spec": {
        "agent": {"serviceAccountName": "pipes-policy-probe"},
        "bindings": [{"name": "pipes-policy-probe", "access": "Read"}],
        "duration": "1m",
        "reason": "Asks whether the approval policy is in force; it is never stored.",
        "requestedBy": "pipes-policy-probe",
        "approval": {"decision": "Approved", "by": "pipes-policy-probe"},
    },
}
