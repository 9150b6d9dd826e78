"""`list_connections`: what may be asked for, and how it stands."""

from typing import Any, ClassVar

from pipes_api.messages import BindingView
from pipes_api.states import UNDECIDED
from pipes_live.view import LiveView
from pipes_policy import remedies, selection

from ..results import Result, said
from .sessions import is_live, moment
from .tool import OwnTool, unavailable


class ListConnections(OwnTool):
    name = "list_connections"
    title = "List connections"
    description = (
        "Lists the accounts at providers that you may ask to use: name, provider, the most that may be granted "
        "(Read or Write), tools, whether it is connected, and whether a session for it is pending or active. "
        "Use the names with request_session."
    )
    properties: ClassVar[dict[str, Any]] = {}
    reads = True

    def __init__(self, view: LiveView) -> None:
        super().__init__()
        self._view = view

    async def run(self, arguments: dict[str, Any]) -> Result:
        if not self._view.synchronized:
            return unavailable()
        account = self._view.identity.service_account
        offered = sorted((each for each in self._view.bindings() if each.offered_to(account)), key=lambda b: b.name)
        connections = [self._connection(binding) for binding in offered]
        if not connections:
            return said("No connection is offered to this agent. Tell the person you work for.", {"connections": []})
        return said("\n".join(map(_line, connections)), {"connections": connections})

    def _connection(self, binding: BindingView) -> dict[str, Any]:
        sessions = selection.candidates(self._view.sessions(), binding)
        session = sessions[0] if len(sessions) == 1 else None
        data: dict[str, Any] = {
            "binding": binding.name,
            "provider": binding.provider,
            "access": binding.max_access.value,
            "tools": sorted(binding.tools),
            "connected": binding.ready and (binding.connected or binding.from_session),
            "session": "none",
        }
        problem = "suspended by a person" if binding.suspended else binding.problem
        if problem:
            data["problem"] = problem
        if session is not None and is_live(session):
            data |= {"session": "active", "until": moment(session.expires_at)}
        elif session is not None and session.state in UNDECIDED:
            data["session"] = "pending"
        elif sessions:
            data |= {"session": "active", "sessions": sorted(each.name for each in sessions)}
        if binding.from_session:
            data["note"] = remedies.FOR_A_PERSON
        return data


def _line(connection: dict[str, Any]) -> str:
    text = f"{connection['binding']} ({connection['provider']}), up to {connection['access']}: "
    text += "connected" if connection["connected"] else "not usable"
    if "problem" in connection:
        text += f" ({connection['problem']})"
    text += f"; session: {connection['session']}"
    if "until" in connection:
        text += f" until {connection['until']}"
    if "sessions" in connection:
        text += f" ({', '.join(connection['sessions'])})"
    text += f"; tools: {', '.join(connection['tools']) or 'none'}"
    return text + (f". {connection['note']}" if "note" in connection else "")
