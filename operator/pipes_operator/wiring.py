"""What follows from what: a change of the World, a pod, a policy or the time puts keys on the work queue."""

from collections.abc import Callable
from dataclasses import dataclass

from pipes_api.resources import AgentSession, ProviderBinding
from pipes_api.states import TERMINAL, UNDECIDED, SessionState

from .presence import PodEvent
from .queue import WorkQueue
from .world import Change, World


@dataclass(frozen=True, slots=True)
class SessionKey:
    uid: str


@dataclass(frozen=True, slots=True)
class BindingKey:
    namespace: str
    name: str


Key = SessionKey | BindingKey | PodEvent


class Wiring:
    """Listeners that only ever add keys."""

    def __init__(
        self,
        world: World,
        queue: WorkQueue[Key],
        forget_session: Callable[[str], None],
        forget_binding: Callable[[str], None],
    ) -> None:
        self._world = world
        self._queue = queue
        self._forget_session = forget_session
        self._forget_binding = forget_binding

    def hear(self, change: Change) -> None:
        """A listener of the World."""
        if change.kind == "session":
            self._session(change)
        else:
            self._binding(change)

    def due(self, uid: str) -> None:
        """Time alone changed something about a session."""
        self._queue.add(SessionKey(uid), routine=True)

    def policies_changed(self, namespace: str) -> None:
        for session in self._world.sessions(namespace):
            if undecided(session):
                self._queue.add(SessionKey(session.metadata.uid))

    def pod_changed(self, namespace: str, service_account: str, uid: str) -> None:
        for session in self._world.sessions_of(namespace, service_account):
            bound = session.status.bound_pod
            theirs = session.spec.agent.pod_uid or (bound.uid if bound is not None else None)
            if session.status.state not in TERMINAL and theirs in (None, uid):
                self._queue.add(SessionKey(session.metadata.uid))

    def waiting(self) -> set[str]:
        """Namespaces with sessions that a person may approve at any moment."""
        return {each.metadata.namespace for each in self._world.sessions() if undecided(each)}

    def _session(self, change: Change) -> None:
        if not isinstance(change.new, AgentSession):
            self._forget_session(change.uid)
            return
        state = change.new.status.state
        if state not in TERMINAL:
            self._queue.add(SessionKey(change.uid))
        old = change.old.status if isinstance(change.old, AgentSession) else None
        if state is SessionState.ACTIVE and (
            old is None or old.state is not state or old.bound_pod != change.new.status.bound_pod
        ):
            agent = change.new.spec.agent.service_account_name
            for other in self._world.sessions_of(change.namespace, agent):
                if other.status.state is SessionState.ACTIVE and other.metadata.uid != change.uid:
                    self._queue.add(SessionKey(other.metadata.uid))

    def _binding(self, change: Change) -> None:
        old = change.old if isinstance(change.old, ProviderBinding) else None
        new = change.new if isinstance(change.new, ProviderBinding) else None
        if new is not None:
            self._queue.add(BindingKey(change.namespace, change.name))
        else:
            self._forget_binding(change.uid)
        if old is None or new is None:
            # Another's tool names may be free now, or taken.
            for other in self._world.bindings(change.namespace):
                self._queue.add(BindingKey(change.namespace, other.metadata.name), routine=True)
        if not _matters(old, new):
            return
        for session in self._world.sessions(change.namespace):
            if session.status.state in TERMINAL:
                continue
            if any(each.name == change.name for each in session.spec.bindings):
                self._queue.add(SessionKey(session.metadata.uid), routine=not undecided(session))


def undecided(session: AgentSession) -> bool:
    """Not yet looked at, pending, or awaiting approval."""
    return session.status.state is None or session.status.state in UNDECIDED


def _matters(old: ProviderBinding | None, new: ProviderBinding | None) -> bool:
    """Whether a grant could be another: a new look at an unchanged connection is none."""
    if old is None or new is None:
        return True
    return (
        old.spec != new.spec
        or old.metadata.generation != new.metadata.generation
        or old.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        or old.status.conditions != new.status.conditions
        or old.status.account != new.status.account
        or old.status.observed_generation != new.status.observed_generation
        or old.status.tools_hash != new.status.tools_hash
    )
