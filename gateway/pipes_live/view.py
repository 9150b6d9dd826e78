"""The live view: what the session service has told, kept current event by event."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from pipes_api.clock import boottime
from pipes_api.messages import (
    PROTOCOL,
    BindingChanged,
    BindingGone,
    BindingView,
    Event,
    Goodbye,
    Heartbeat,
    Identity,
    Keys,
    Lease,
    Leases,
    SessionChanged,
    SessionGone,
    SessionView,
    Snapshot,
)
from pipes_api.states import SessionState
from pipes_catalog.definition import ToolDefinition

from .definitions import read_definition
from .tokens import TokenVerifier

DELETED = "deleted"
MAXIMUM_DELETED = 20


class ChangeKind(StrEnum):
    SNAPSHOT = "snapshot"
    SESSION = "session"
    BINDING = "binding"
    STREAM = "stream"
    """The stream came up or went down."""


@dataclass(frozen=True, slots=True)
class ViewChange:
    """What changed. `uid` is a session's or binding's; for a snapshot anything may have."""

    kind: ChangeKind
    uid: str = ""


class ProtocolMismatch(Exception):  # noqa: N818 - reads as what happened
    """The session service speaks a protocol this version does not."""


class LiveView:
    """Sessions, bindings, leases, tokens and keys as of now. Single-threaded: lives on one event loop.

    A lost stream changes nothing here but `connected`: sessions go on until
    their leases run out.
    """

    def __init__(self, clock: Callable[[], float] = boottime) -> None:
        self.clock = clock
        self.verifier = TokenVerifier()
        self.identity = Identity(role="gateway", namespace="", service_account="")
        self.issuer = ""
        self.synchronized = False
        """Whether a snapshot has ever been read."""
        self.connected = False
        self._ahead = 0.0
        self._view_until: float | None = None
        self._sessions: dict[str, SessionView] = {}
        self._bindings: dict[tuple[str, str], BindingView] = {}
        self._leases: dict[str, Lease] = {}
        self._definitions: dict[str, ToolDefinition] = {}
        self._callbacks: list[Callable[[ViewChange], None]] = []

    def sessions(self) -> Iterable[SessionView]:
        return self._sessions.values()

    def session(self, uid: str) -> SessionView | None:
        return self._sessions.get(uid)

    def bindings(self) -> Iterable[BindingView]:
        return self._bindings.values()

    def binding(self, namespace: str, name: str) -> BindingView | None:
        return self._bindings.get((namespace, name))

    def definition(self, digest: str) -> ToolDefinition | None:
        return self._definitions.get(digest)

    def token(self, uid: str) -> str | None:
        lease = self._leases.get(uid)
        return (lease.token or None) if lease is not None else None

    def lease_until(self, uid: str) -> float | None:
        """Until when the session may be used, in seconds on this machine's own boot clock.

        For the broker, whose stream carries no lease per session, that is one moment for all it knows.
        """
        if self.identity.role == "broker":
            return self._view_until if uid in self._sessions else None
        lease = self._leases.get(uid)
        return self._local(lease.until) if lease is not None else None

    def on_change(self, callback: Callable[[ViewChange], None]) -> None:
        """Call `callback` right after each change, before the next event is read."""
        self._callbacks.append(callback)

    def apply(self, event: Event, asked_at: float) -> None:
        """Take in one event of a stream that was asked for at `asked_at`, on the clock of this view.

        Raises:
            ProtocolMismatch: the snapshot is of a protocol that is not spoken here; nothing has changed.
        """
        match event:
            case Snapshot():
                self._replace(event, asked_at)
            case SessionChanged():
                self._learn(event.definitions)
                self._put_session(event.session, event.lease)
            case SessionGone():
                self._vanished(self._sessions.pop(event.uid, None))
                self._leases.pop(event.uid, None)
                self._tell(ViewChange(ChangeKind.SESSION, event.uid))
            case BindingChanged():
                self._learn(event.definitions)
                self._bindings[event.binding.namespace, event.binding.name] = event.binding
                self._tell(ViewChange(ChangeKind.BINDING, event.binding.uid))
            case BindingGone():
                gone = self._bindings.get((event.namespace, event.name))
                if gone is not None and gone.uid == event.uid:
                    del self._bindings[event.namespace, event.name]
                    self._tell(ViewChange(ChangeKind.BINDING, event.uid))
            case Leases():
                self._leases.update({lease.uid: lease for lease in event.leases})
            case Keys():
                self.verifier.use(event.jwks)
            case Heartbeat():
                self._see_until(event.view_until)
            case Goodbye():
                pass

    def stream_is(self, *, connected: bool) -> None:
        """Note that the stream came up or went down."""
        if connected != self.connected:
            self.connected = connected
            self._tell(ViewChange(ChangeKind.STREAM))

    def _replace(self, snapshot: Snapshot, asked_at: float) -> None:
        if snapshot.protocol != PROTOCOL:
            raise ProtocolMismatch(f"the session service speaks protocol {snapshot.protocol}, this is {PROTOCOL}")
        # Read against the moment of asking: the operator's clock showed at most `snapshot.clock` then.
        self._ahead = snapshot.clock - asked_at
        self.identity = snapshot.you
        self.issuer = snapshot.issuer
        self.verifier.use(snapshot.jwks)
        self._definitions = {}
        self._learn(snapshot.definitions)
        self._bindings = {(each.namespace, each.name): each for each in snapshot.bindings}
        before = self._sessions
        self._sessions = {each.uid: each for each in snapshot.sessions}
        for session in before.values():
            if session.uid not in self._sessions:
                self._vanished(session)
        self._leases = {lease.uid: lease for lease in snapshot.leases}
        self._view_until = None
        self._see_until(snapshot.view_until)
        self.synchronized = True
        self._tell(ViewChange(ChangeKind.SNAPSHOT))

    def _put_session(self, session: SessionView, lease: Lease | None) -> None:
        self._sessions[session.uid] = session
        if lease is not None:
            self._leases[session.uid] = lease
        elif not session.live and session.state is not SessionState.BUDGET_EXHAUSTED:
            # Calls that took the last places of a budget are still to end, within the lease they have.
            self._leases.pop(session.uid, None)
        self._tell(ViewChange(ChangeKind.SESSION, session.uid))

    def _vanished(self, session: SessionView | None) -> None:
        """A live session that is gone was deleted by somebody; that is what an agent is told from then on."""
        if session is None or (not session.live and session.message != DELETED):
            return
        gone = msgspec.structs.replace(session, state=SessionState.REVOKED, live=False, message=DELETED)
        self._sessions[session.uid] = gone
        deleted = [each.uid for each in self._sessions.values() if each.message == DELETED]
        for uid in deleted[:-MAXIMUM_DELETED]:
            del self._sessions[uid]

    def _learn(self, definitions: dict[str, dict[str, Any]]) -> None:
        for digest, data in definitions.items():
            definition = read_definition(digest, data)
            if definition is not None:
                self._definitions[digest] = definition

    def _see_until(self, until: float) -> None:
        if until:
            self._view_until = self._local(until)

    def _local(self, until: float) -> float:
        return until - self._ahead

    def _tell(self, change: ViewChange) -> None:
        for callback in self._callbacks:
            callback(change)
