"""Rules about the tool: do the session, and the binding as it is now, allow it?"""

from pipes_api.reasons import Reason
from pipes_api.resources import Access
from pipes_catalog.definition import ToolAccess

from . import remedies
from .call import Call, Denial
from .denying import deny, session_of


def binding_is_the_granted_one(call: Call) -> Denial | None:
    granted = call.granted
    if granted is not None and call.binding is not None and granted.uid == call.binding.uid:
        return None
    return deny(call, Reason.NOT_GRANTED, f"the session does not cover the connection of {call.tool}", remedies.ASK)


def connection_is_the_persons(call: Call) -> Denial | None:
    """Where the binding leaves the person to the session, the connection is that person's and nobody else's."""
    granted, binding = call.granted, call.binding
    if granted is None or binding is None or not (binding.from_session or granted.connection.from_session):
        return None
    grant, connection = session_of(call).grant, granted.connection
    person = grant.on_behalf_of if grant is not None else None
    if (
        person is not None
        and person.user_id
        and person.user_id == connection.user_id
        and person.organization_id in (None, connection.organization_id)
    ):
        return None
    message = "the session does not say whose connection it uses"
    return deny(call, Reason.NOT_GRANTED, message, remedies.FOR_A_PERSON)


def binding_is_not_suspended(call: Call) -> Denial | None:
    if call.binding is not None and not call.binding.suspended:
        return None
    return deny(call, Reason.BINDING_SUSPENDED, "a person has suspended this connection", remedies.PERSON)


def binding_is_offered_to_the_agent(call: Call) -> Denial | None:
    if call.binding is not None and call.binding.offered_to(call.caller.service_account):
        return None
    return deny(call, Reason.NOT_GRANTED, "this connection is no longer offered to this agent", remedies.PERSON)


def tool_is_granted(call: Call) -> Denial | None:
    """The narrower of the grant and the binding of now."""
    granted = _granted_tools(call)
    offered = call.binding.tools if call.binding is not None else {}
    if call.tool in granted and call.tool in offered:
        return None
    definition = call.definition
    if definition is not None and definition.access is ToolAccess.WRITE and not _may_write(call):
        return access_suffices(call)
    return deny(call, Reason.NOT_GRANTED, f"the session does not cover {call.tool}", remedies.ASK)


def tool_is_unchanged(call: Call) -> Denial | None:
    if call.definition is not None and call.definition.hash == _granted_tools(call).get(call.tool):
        return None
    message = f"{call.tool} is not the tool any more that was approved"
    return deny(call, Reason.TOOLS_CHANGED, message, remedies.REQUEST)


def access_suffices(call: Call) -> Denial | None:
    """A tool that writes, or a call judged to write (or not proven to read), needs Write in grant and binding."""
    definition = call.definition
    writes = call.needs is Access.WRITE or (definition is not None and definition.access is ToolAccess.WRITE)
    if not writes or _may_write(call):
        return None
    message = f"{call.tool} would write, and the session allows reading only"
    return deny(call, Reason.WRITE_NOT_ALLOWED, message, remedies.ASK_WRITE)


def connection_works(call: Call) -> Denial | None:
    binding = call.binding
    # Whether a person of a session is connected is known only when it is asked for that person's credential.
    if binding is not None and binding.ready and (binding.connected or binding.from_session):
        return None
    problem = (binding.problem if binding is not None else "") or "the connection is not usable now"
    return deny(call, Reason.CONNECTION_UNAVAILABLE, problem, remedies.PERSON)


def scopes_suffice(call: Call) -> Denial | None:
    missing = set(call.binding.missing_scopes) if call.binding is not None else set()
    needed = {entry[0] for entry in call.definition.scopes} if call.definition is not None else set()
    if not missing & needed:
        return None
    lacking = ", ".join(sorted(missing & needed))
    return deny(call, Reason.SCOPE_MISSING, f"the connection lacks the scope {lacking}", remedies.RECONNECT)


def _granted_tools(call: Call) -> dict[str, str]:
    granted = call.granted
    return granted.tools if granted is not None else {}


def _may_write(call: Call) -> bool:
    granted = call.granted
    return (
        granted is not None
        and call.binding is not None
        and granted.access is Access.WRITE
        and call.binding.max_access is Access.WRITE
    )
