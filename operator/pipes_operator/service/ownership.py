"""Which sessions belong to which pod, so that a pod's own are found without looking at anybody else's."""

from collections.abc import Iterable

from pipes_api.messages import Identity
from pipes_api.resources import AgentSession
from pipes_operator.world import Change, World

from . import views

_Owner = tuple[str, str, str]
_Sessions = dict[str, AgentSession]


class Ownership:
    """Kept current by `note`, which must hear every change of the World."""

    def __init__(self, world: World) -> None:
        self._owned: dict[_Owner, _Sessions] = {}
        for session in world.sessions():
            self._put(session)

    def note(self, change: Change) -> None:
        if isinstance(change.old, AgentSession):
            self._take(change.old)
        if isinstance(change.new, AgentSession):
            self._put(change.new)

    def of(self, identity: Identity) -> Iterable[AgentSession]:
        """Sessions bound to that very pod, and those its ServiceAccount shares."""
        who = (identity.namespace, identity.service_account)
        bound = self._owned.get((*who, identity.pod_uid), {}) if identity.pod_uid else {}
        return [*bound.values(), *self._owned.get((*who, ""), {}).values()]

    def _put(self, session: AgentSession) -> None:
        owner = _owner(session)
        if owner is not None:
            self._owned.setdefault(owner, {})[session.metadata.uid] = session

    def _take(self, session: AgentSession) -> None:
        owner = _owner(session)
        if owner is None or owner not in self._owned:
            return
        self._owned[owner].pop(session.metadata.uid, None)
        if not self._owned[owner]:
            del self._owned[owner]


def _owner(session: AgentSession) -> _Owner | None:
    """None while no pod has claimed it: nobody sees it then."""
    agent, pod_uid = session.spec.agent, views.pod_of(session)
    if not agent.shared and not pod_uid:
        return None
    return session.metadata.namespace, agent.service_account_name, pod_uid
