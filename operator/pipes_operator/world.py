"""The last known state of sessions and bindings, fed by watches, re-lists and the answers to our own writes.

Lives in one event loop and is never shared between threads. Listeners are
called within the change itself: between the watch event that revokes a session
and the bytes on a gateway's stream there is no queue.
"""

import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec

from pipes_api import names, resources
from pipes_api.resources import AgentSession, ProviderBinding

logger = logging.getLogger(__name__)

Kind = Literal["session", "binding"]

_REMEMBERED_DELETIONS = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """One object appeared (`old` is None), changed, or went away (`new` is None)."""

    kind: Kind
    uid: str
    namespace: str
    name: str
    old: AgentSession | ProviderBinding | None
    new: AgentSession | ProviderBinding | None


Listener = Callable[[Change], None]
_Object = TypeVar("_Object", AgentSession, ProviderBinding)


class World:
    """Sessions and bindings by uid and by name. Heartbeat objects are never among them."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._sessions = _Table[AgentSession]("session", resources.session, self._tell)
        self._bindings = _Table[ProviderBinding]("binding", resources.binding, self._tell)
        self._agents: dict[tuple[str, str], dict[str, AgentSession]] = {}
        self._proofs: dict[Kind, float] = {}
        self.listen(self._index)

    def session(self, uid: str) -> AgentSession | None:
        return self._sessions.by_uid.get(uid)

    def session_named(self, namespace: str, name: str) -> AgentSession | None:
        return self._sessions.named(namespace, name)

    def sessions(self, namespace: str | None = None) -> Iterable[AgentSession]:
        return self._sessions.all(namespace)

    def sessions_of(self, namespace: str, service_account: str) -> Iterable[AgentSession]:
        """Sessions whose agent is that ServiceAccount, finished ones included."""
        return tuple(self._agents.get((namespace, service_account), {}).values())

    def binding(self, namespace: str, name: str) -> ProviderBinding | None:
        return self._bindings.named(namespace, name)

    def bindings(self, namespace: str | None = None) -> Iterable[ProviderBinding]:
        return self._bindings.all(namespace)

    def put_session(self, body: Mapping[str, Any]) -> AgentSession | None:
        """Take in an AgentSession as the API server served it, and answer what is now known of that uid.

        Older versions of a uid and uids that are gone are ignored. Another uid
        under the same name replaces the old one. An object that cannot be read
        counts as gone: nothing may rest on what it said before.
        """
        return self._sessions.put(body)

    def put_binding(self, body: Mapping[str, Any]) -> ProviderBinding | None:
        """As `put_session`, for a ProviderBinding."""
        return self._bindings.put(body)

    def drop_session(self, uid: str) -> None:
        """The session is gone, and a uid never returns."""
        self._sessions.drop(uid)

    def drop_binding(self, uid: str) -> None:
        self._bindings.drop(uid)

    def listen(self, callback: Listener) -> None:
        """Have `callback` called right after each change, in the order of registration."""
        self._listeners.append(callback)

    def seen_heartbeat(self, kind: Kind, clock: float) -> None:
        """Our own write, begun at `clock` (CLOCK_BOOTTIME), came back through the watch of that kind."""
        self._proofs[kind] = max(clock, self._proofs.get(kind, -math.inf))

    def view_proof(self, clock: float) -> float:
        """Age in seconds of the proof that this view is current: the older of both kinds; infinite without proof."""
        if len(self._proofs) < 2:
            return math.inf
        return clock - min(self._proofs.values())

    def _index(self, change: Change) -> None:
        if isinstance(change.old, AgentSession):
            agent = (change.namespace, change.old.spec.agent.service_account_name)
            theirs = self._agents.get(agent, {})
            theirs.pop(change.uid, None)
            if not theirs:
                self._agents.pop(agent, None)
        if isinstance(change.new, AgentSession):
            agent = (change.namespace, change.new.spec.agent.service_account_name)
            self._agents.setdefault(agent, {})[change.uid] = change.new

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            try:
                listener(change)
            except Exception:
                # One listener's defect must not keep a revocation from the others.
                logger.exception("a listener failed on %s %s/%s", change.kind, change.namespace, change.name)


class _Table(Generic[_Object]):
    """Objects of one kind, each at the newest version seen."""

    _read: Callable[[Mapping[str, Any]], _Object]

    def __init__(self, kind: Kind, read: Callable[[Mapping[str, Any]], _Object], tell: Listener) -> None:
        self.by_uid: dict[str, _Object] = {}
        self._kind = kind
        self._read = read
        self._tell = tell
        self._uids: dict[str, dict[str, str]] = {}
        self._versions: dict[str, int] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def named(self, namespace: str, name: str) -> _Object | None:
        uid = self._uids.get(namespace, {}).get(name)
        return None if uid is None else self.by_uid.get(uid)

    def all(self, namespace: str | None) -> Iterable[_Object]:
        if namespace is None:
            return tuple(self.by_uid.values())
        return tuple(self.by_uid[uid] for uid in self._uids.get(namespace, {}).values())

    def put(self, body: Mapping[str, Any]) -> _Object | None:
        metadata = body.get("metadata") or {}
        name, uid = str(metadata.get("name", "")), str(metadata.get("uid", ""))
        if name == names.HEARTBEAT or not uid or uid in self._gone:
            return None
        version = resource_version(body)
        known = self.by_uid.get(uid)
        if known is not None and version <= self._versions[uid]:
            return known
        try:
            new = self._read(body)
        except msgspec.ValidationError as error:
            logger.error("cannot read %s %s/%s: %s", self._kind, metadata.get("namespace"), name, error)
            self._remove(uid)
            return None
        former = self._uids.setdefault(new.metadata.namespace, {}).get(name)
        if former is not None and former != uid:
            if self._versions[former] > version:
                return None  # a late word about an object that another has replaced
            self.drop(former)
        self._uids.setdefault(new.metadata.namespace, {})[name] = uid
        self.by_uid[uid] = new
        self._versions[uid] = version
        self._tell(Change(self._kind, uid, new.metadata.namespace, name, known, new))
        return new

    def drop(self, uid: str) -> None:
        self._gone[uid] = None
        while len(self._gone) > _REMEMBERED_DELETIONS:
            self._gone.popitem(last=False)
        self._remove(uid)

    def _remove(self, uid: str) -> None:
        old = self.by_uid.pop(uid, None)
        self._versions.pop(uid, None)
        if old is None:
            return
        metadata = old.metadata
        siblings = self._uids.get(metadata.namespace, {})
        if siblings.get(metadata.name) == uid:
            del siblings[metadata.name]
        if not siblings:
            self._uids.pop(metadata.namespace, None)
        self._tell(Change(self._kind, uid, metadata.namespace, metadata.name, old, None))


def resource_version(body: Mapping[str, Any]) -> int:
    """The version of a served object. The API server numbers all objects of a kind in one order (KEP-5504)."""
    try:
        return int((body.get("metadata") or {}).get("resourceVersion") or 0)
    except ValueError:
        return 0
