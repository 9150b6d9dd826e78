"""From a change of the World to bytes on the streams it concerns, within the change itself."""

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from pipes_api import messages
from pipes_api.clock import boottime
from pipes_api.messages import BindingGone, BindingView, Identity, Lease, SessionGone, SessionView, Snapshot
from pipes_api.resources import AgentSession, ProviderBinding
from pipes_api.states import SessionState
from pipes_operator.keys.signing import SigningKeys
from pipes_operator.world import Change, World

from . import lines, metrics, views
from .audience import Audience
from .connections import OpenConnections
from .definitions import Definitions
from .leases import Leases
from .ownership import Ownership
from .settings import ServiceSettings
from .stream import Stream

logger = logging.getLogger(__name__)

_DELETED_KEPT = 500
_RENEWALS_AT_ONCE = 10
"""Streams that get new leases between two breaths of the event loop: signing must not delay a revocation."""


class Hub:
    """Every open stream, and what each is told."""

    def __init__(
        self,
        world: World,
        keys: SigningKeys,
        leases: Leases,
        definitions: Definitions,
        settings: ServiceSettings,
        connections: OpenConnections,
        clock: Callable[[], float] = boottime,
    ) -> None:
        self._world = world
        self._keys = keys
        self._leases = leases
        self._definitions = definitions
        self._settings = settings
        self._connections = connections
        self._clock = clock
        self._audience = Audience()
        self._ownership = Ownership(world)
        self._deleted: OrderedDict[str, tuple[AgentSession, SessionView]] = OrderedDict()
        self._heartbeat_at = 0.0
        world.listen(self.hear)
        keys.on_change(self._keys_changed)

    def open(self, stream: Stream) -> None:
        """Take the stream in and send its snapshot. An older stream of the same pod ends."""
        snapshot = lines.line(self._snapshot(stream))
        older = self._audience.of_pod(stream.identity.pod_uid)
        if older is not None:
            self.close(older)
            older.goodbye("superseded by a newer stream of this pod")
        self._audience.add(stream)
        metrics.STREAMS.labels(stream.identity.role).inc()
        stream.send_snapshot(snapshot)
        stream.renew_at = self._clock() + self._leases.seconds / 3
        if not stream.is_broker:
            # Only now: a claim that follows is a change after the snapshot.
            self._connections.opened(stream.identity, self._clock())

    def close(self, stream: Stream) -> None:
        """Forget the stream. May be called again."""
        if self._audience.of_pod(stream.identity.pod_uid) is stream:
            self._audience.remove(stream)
            metrics.STREAMS.labels(stream.identity.role).dec()
            if not stream.is_broker:
                self._connections.closed(stream.identity, self._clock())

    def end_all(self, reason: str) -> None:
        for stream in self._audience.all():
            stream.goodbye(reason)

    # -- changes ---------------------------------------------------------------

    def hear(self, change: Change) -> None:
        """Tell a change to those it concerns."""
        self._ownership.note(change)
        if isinstance(change.new, AgentSession):
            self._session_changed(change.old if isinstance(change.old, AgentSession) else None, change.new)
        elif isinstance(change.old, AgentSession):
            self._session_gone(change.old)
        elif isinstance(change.new, ProviderBinding):
            self._binding_changed(change.old if isinstance(change.old, ProviderBinding) else None, change.new)
        elif isinstance(change.old, ProviderBinding):
            self._binding_gone(change.old)

    def _session_changed(self, old: AgentSession | None, new: AgentSession) -> None:
        hearers = self._audience.of_session(new)
        brokers = self._audience.brokers()
        if hearers or brokers:
            view = views.session_view(new, _now())
            line = lines.SessionLine(view)
            # Who executes calls comes first: the broker's next send is what a revocation must stop.
            for stream in brokers:
                if view.live or (old is not None and old.status.state is SessionState.ACTIVE):
                    stream.send(line.with_parts(None, stream.unknown(line.digests, self._definitions)))
            at_once = len(hearers) <= _RENEWALS_AT_ONCE
            for stream in hearers:
                lease = self._lease(new, stream, at_once=at_once) if view.live else None
                stream.send(line.with_parts(lease, stream.unknown(line.digests, self._definitions)))
        if old is not None:
            self._tell_gone(set(self._audience.of_session(old)) - set(hearers), new.metadata.uid)

    def _session_gone(self, old: AgentSession) -> None:
        hearers = (*self._audience.brokers(), *self._audience.of_session(old))
        view = views.deleted_view(old, _now())
        if view is None:
            self._tell_gone(set(hearers), old.metadata.uid)
            return
        self._deleted[old.metadata.uid] = (old, view)
        while len(self._deleted) > _DELETED_KEPT:
            self._deleted.popitem(last=False)
        line = lines.SessionLine(view)
        for stream in hearers:
            stream.send(line.with_parts(None, {}))

    def _tell_gone(self, streams: set[Stream], uid: str) -> None:
        if streams:
            data = lines.line(SessionGone(uid=uid))
            for stream in streams:
                stream.send(data)

    def _binding_changed(self, old: ProviderBinding | None, new: ProviderBinding) -> None:
        if not len(self._audience):
            return
        view = views.binding_view(new, self._definitions)
        hearers = self._audience.of_binding(view)
        brokers = self._audience.brokers()
        told = views.brokers_view(view, new, self._definitions) if brokers else view
        line = lines.BindingLine(view)
        brokers_line = line if told is view else lines.BindingLine(told)
        for stream in brokers:
            stream.send(brokers_line.with_definitions(stream.unknown(line.digests, self._definitions)))
        for stream in hearers:
            stream.send(line.with_definitions(stream.unknown(line.digests, self._definitions)))
        if old is not None:
            before = self._audience.of_binding(views.binding_view(old, self._definitions))
            self._tell_binding_gone(set(before) - set(hearers), new)

    def _binding_gone(self, old: ProviderBinding) -> None:
        hearers = self._audience.of_namespace(old.metadata.namespace)
        self._tell_binding_gone({*self._audience.brokers(), *hearers}, old)

    def _tell_binding_gone(self, streams: set[Stream], binding: ProviderBinding) -> None:
        metadata = binding.metadata
        data = lines.line(BindingGone(namespace=metadata.namespace, name=metadata.name, uid=metadata.uid))
        for stream in streams:
            stream.send(data)

    def _keys_changed(self, jwks: dict[str, Any]) -> None:
        data = lines.line(messages.Keys(jwks=jwks))
        for stream in self._audience.all():
            stream.send(data)

    # -- what goes on by itself ------------------------------------------------

    def beat(self) -> None:
        """Heartbeats, once they are due."""
        clock = self._clock()
        if clock < self._heartbeat_at:
            return
        self._heartbeat_at = clock + self._settings.heartbeat_seconds
        streams = self._audience.all()
        gateway = lines.line(messages.Heartbeat(clock=clock, now=_now()))
        until = self._leases.broker_until()
        broker = lines.line(messages.Heartbeat(clock=clock, now=_now(), view_until=until))
        for stream in streams:
            stream.send(broker if stream.is_broker else gateway)

    async def renew(self, breathe: Callable[[], Awaitable[None]]) -> None:
        """Renew the leases of the streams that are due; none without proof that the view is current."""
        clock = self._clock()
        due = [each for each in self._audience.all() if not each.is_broker and each.renew_at <= clock]
        for number, stream in enumerate(due, 1):
            # Asked anew for each: between two breaths the Lease may be lost.
            if not self._leases.allowed():
                return
            self._renew(stream)
            if number % _RENEWALS_AT_ONCE == 0:
                await breathe()

    def _renew(self, stream: Stream) -> None:
        if stream.ended.is_set():
            return
        renewed = self._leases_of(stream, self._ownership.of(stream.identity))
        stream.renew_at = self._clock() + self._leases.seconds / 3
        if renewed:
            stream.send(lines.line(messages.Leases(leases=renewed)))
            metrics.LEASES_RENEWED.inc(len(renewed))

    # -- what a caller sees ----------------------------------------------------

    def _lease(self, session: AgentSession, stream: Stream, *, at_once: bool) -> Lease | None:
        lease = self._leases.mint(session, stream.identity.pod_uid) if at_once else None
        if lease is None:
            # For want of proof, or because a thousand pods share it: the next turn of renewals brings one.
            stream.renew_at = self._clock()
        return lease

    def _leases_of(self, stream: Stream, sessions: Iterable[AgentSession]) -> tuple[Lease, ...]:
        minted = (self._leases.mint(each, stream.identity.pod_uid) for each in sessions)
        return tuple(each for each in minted if each is not None)

    def _snapshot(self, stream: Stream) -> Snapshot:
        identity, now = stream.identity, _now()
        sessions, bindings = self._known_to(identity, now)
        views_of_sessions = tuple(views.session_view(each, now) for each in sessions)
        digests = frozenset(digest for each in bindings for digest in each.tools.values())
        digests = digests.union(*(lines.digests_of_session(each) for each in views_of_sessions))
        return Snapshot(
            protocol=messages.PROTOCOL,
            clock=self._clock(),
            now=now,
            issuer=self._settings.issuer,
            you=identity,
            bindings=bindings,
            sessions=views_of_sessions + self._recently_deleted(identity),
            leases=() if stream.is_broker else self._leases_of(stream, sessions),
            definitions=stream.unknown(digests, self._definitions),
            jwks=self._keys.jwks,
            view_until=self._leases.broker_until() if stream.is_broker else 0.0,
        )

    def _known_to(self, identity: Identity, now: datetime) -> tuple[list[AgentSession], tuple[BindingView, ...]]:
        if identity.role == "broker":
            live = [each for each in self._world.sessions() if views.is_live(each, now)]
            return live, tuple(self._brokers_view(each) for each in self._world.bindings())
        retention = timedelta(seconds=self._settings.retention_seconds)
        sessions = views.worth_showing(self._ownership.of(identity), now, retention)
        offered = (views.binding_view(each, self._definitions) for each in self._world.bindings(identity.namespace))
        return sessions, tuple(each for each in offered if each.offered_to(identity.service_account))

    def _brokers_view(self, binding: ProviderBinding) -> BindingView:
        view = views.binding_view(binding, self._definitions)
        return views.brokers_view(view, binding, self._definitions)

    def _recently_deleted(self, identity: Identity) -> tuple[SessionView, ...]:
        """Deleted ones are told apart from those that never were, as long as this process remembers them."""
        if identity.role == "broker":
            return ()
        who = (identity.namespace, identity.service_account, identity.pod_uid)
        theirs = [view for session, view in self._deleted.values() if views.belongs_to(session, *who)]
        return tuple(theirs[-views.MANY_ENDED :])


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
