"""What the probes answer, and the gauges that are read off the World when somebody asks."""

from pipes_api import resources
from pipes_api.clock import boottime

from . import metrics
from .kube.lease import LeaderLease
from .settings import OperatorSettings
from .world import World


class Probes:
    """`leading_since` and `serving` are set by the operator as it gets there."""

    def __init__(self, world: World, lease: LeaderLease, settings: OperatorSettings) -> None:
        self._world = world
        self._lease = lease
        self._settings = settings
        self.leading_since: float | None = None
        self.serving = False

    def is_current(self) -> bool:
        """Whether anything may be activated: we are the leader, and our view is proven."""
        return self._lease.holds(boottime()) and not self._older_than(self._settings.proof_seconds)

    def alive(self) -> str:
        """A standby is alive; a leader that sees nothing for long is not, and a restart is all that can help."""
        seconds = self._settings.stale_seconds
        if self.leading_since is None or boottime() - self.leading_since < seconds:
            return ""
        return "the view of the API server is stale" if self._older_than(seconds) else ""

    def ready(self) -> str:
        if not self._lease.holds(boottime()):
            return "not the leader"
        if not self.serving:
            return "starting"
        return "" if self.is_current() else "the view of the API server is not current"

    def measure(self, queued: int) -> None:
        metrics.VIEW_AGE.set(self._world.view_proof(boottime()))
        metrics.QUEUE.set(queued)
        metrics.LEADER.set(1 if self._lease.holds(boottime()) else 0)
        counts = dict.fromkeys(metrics.STATES, 0)
        for session in self._world.sessions():
            if session.status.state is not None:
                counts[session.status.state] += 1
        for state, count in counts.items():
            metrics.SESSIONS.labels(state.value).set(count)
        ready = [resources.is_true(each.status.conditions, "Ready") for each in self._world.bindings()]
        metrics.BINDINGS.labels("true").set(sum(ready))
        metrics.BINDINGS.labels("false").set(len(ready) - sum(ready))

    def _older_than(self, seconds: float) -> bool:
        return self._world.view_proof(boottime()) > seconds
