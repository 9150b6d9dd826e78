"""The session that a request is about, if it is the caller's to use."""

from pipes_api.messages import Identity
from pipes_api.resources import AgentSession
from pipes_operator.world import World

from . import views
from .refusals import forbidden, not_found


def find_own(world: World, caller: Identity, name: str, uid: str | None) -> AgentSession:
    """A session of the calling pod, or shared by its ServiceAccount.

    Raises:
        Refused: NotFound; another pod's is not told apart from none.
    """
    session = world.session_named(caller.namespace, name)
    if session is None or (uid is not None and session.metadata.uid != uid):
        raise not_found(name)
    if not views.belongs_to(session, caller.namespace, caller.service_account, caller.pod_uid):
        raise not_found(name)
    return session


def find_used(world: World, caller: Identity, name: str, uid: str, namespace: str) -> AgentSession:
    """A session that the caller executes calls of: a gateway its own, the broker any.

    Raises:
        Refused: NotFound, or a gateway that names another namespace than its own.
    """
    if caller.role != "broker":
        if namespace not in ("", caller.namespace):
            raise forbidden("a gateway reports about its own namespace only")
        return find_own(world, caller, name, uid)
    session = world.session_named(namespace, name)
    if session is None or session.metadata.uid != uid:
        raise not_found(name)
    return session
