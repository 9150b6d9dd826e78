"""One leader: a `coordination.k8s.io` Lease, won and renewed under its resourceVersion.

Own code, since `kubernetes.aio.leaderelection` measures on the wall clock (a
clock set back prolongs leadership) and cannot be asked how long it still holds.
Here the holder counts on CLOCK_BOOTTIME from before the request that renewed,
and a candidate takes over only after it has itself watched one record stay
unchanged for the whole lease: no two clocks are ever compared.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pipes_api.clock import boottime

from .client import KubeClient
from .errors import Conflict, KubeError, NotFound
from .resource import LEASES

logger = logging.getLogger(__name__)

_MARGIN = 0.25
"""Share of the lease by which the holder gives up before others may take over."""


class LeaseLostError(Exception):
    """Leadership could not be renewed in time, or another holds it."""


class LeaderLease:
    """The lease of one name, for one candidate."""

    def __init__(
        self,
        kube: KubeClient,
        namespace: str,
        identity: str,
        *,
        seconds: float,
        name: str = "pipes-operator",
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._seconds = max(int(seconds), 3)
        self._clock = clock
        self._held_until = float("-inf")
        self._observed: tuple[str, float] | None = None

    def holds(self, clock: float) -> bool:
        """Whether nobody else can be leader at that moment (CLOCK_BOOTTIME)."""
        return clock < self._held_until

    @property
    def renew_seconds(self) -> float:
        """Pause between renewals."""
        return self._seconds / 6

    async def acquire(self) -> None:
        """Until we are the leader."""
        while not await self._attempt():  # noqa: ASYNC110 - the Lease is asked, not watched
            await asyncio.sleep(min(self.renew_seconds, 2.0))
        logger.info("leader: %s", self._identity)

    async def keep(self) -> None:
        """Renew until it is lost.

        Raises:
            LeaseLostError: the process must end, and with it everything that leadership allowed.
        """
        while self.holds(self._clock()):
            await asyncio.sleep(self.renew_seconds)
            await self._attempt()
        raise LeaseLostError(f"the lease {self._namespace}/{self._name} could not be renewed in time")

    async def release(self) -> None:
        """Let the next one in at once; a failure only makes it wait for the lease to run out."""
        if not self.holds(self._clock()):
            return
        self._held_until = float("-inf")
        try:
            body = await self._kube.get(LEASES, self._namespace, self._name)
            if body["spec"].get("holderIdentity") == self._identity:
                body["spec"]["holderIdentity"] = ""
                await self._kube.replace(LEASES, self._namespace, self._name, body)
        except KubeError as error:
            logger.info("the lease was not given back: %s", error)

    async def _attempt(self) -> bool:
        started = self._clock()
        try:
            await self._write(started)
        except Conflict:
            return False
        except KubeError as error:
            logger.warning("lease: %s", error)
            return False
        except _HeldByAnotherError:
            return False
        self._held_until = started + self._seconds * (1 - _MARGIN)
        return True

    async def _write(self, started: float) -> None:
        seconds = self._seconds / 4
        try:
            body = await self._kube.get(LEASES, self._namespace, self._name, seconds=seconds)
        except NotFound:
            new = {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": self._spec({}),
            }
            await self._kube.create(LEASES, self._namespace, new, seconds=seconds)
            return
        spec = body.get("spec") or {}
        if spec.get("holderIdentity") not in (self._identity, "", None) and not self._abandoned(body, started):
            raise _HeldByAnotherError
        body["spec"] = self._spec(spec)
        await self._kube.replace(LEASES, self._namespace, self._name, body, seconds=seconds)

    def _abandoned(self, body: dict[str, Any], started: float) -> bool:
        """Whether we have seen this very record unchanged for the whole time its holder asked for."""
        self._held_until = float("-inf")
        version = str(body["metadata"]["resourceVersion"])
        if self._observed is None or self._observed[0] != version:
            self._observed = (version, started)
            return False
        seconds = float((body.get("spec") or {}).get("leaseDurationSeconds") or self._seconds)
        return started - self._observed[1] >= seconds

    def _spec(self, old: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = old.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._seconds,
            "acquireTime": old.get("acquireTime") if ours else now,
            "renewTime": now,
            "leaseTransitions": int(old.get("leaseTransitions") or 0) + (0 if ours else 1),
        }


class _HeldByAnotherError(Exception):
    pass
