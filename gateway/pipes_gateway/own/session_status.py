"""`session_status`: how the sessions of this agent stand."""

from typing import Any, ClassVar

from pipes_api.messages import SessionView
from pipes_api.states import UNDECIDED
from pipes_live.view import LiveView
from pipes_policy import remedies

from ..results import Result, failed, said
from . import budgets, sessions
from .tool import SESSION_NAME, OwnTool, unavailable

MAXIMUM_SHOWN = 10


class SessionStatus(OwnTool):
    name = "session_status"
    title = "Session status"
    description = (
        "Tells how a session stands: awaiting approval, active (until when, and with which tools), denied (with the "
        "approver's note), expired, revoked. Without a name, all your sessions, the current ones first."
    )
    properties: ClassVar[dict[str, Any]] = {"name": {**SESSION_NAME, "description": "Name of a session."}}
    reads = True

    def __init__(self, view: LiveView) -> None:
        super().__init__()
        self._view = view

    async def run(self, arguments: dict[str, Any]) -> Result:
        if not self._view.synchronized:
            return unavailable()
        if "name" in arguments:
            session = sessions.named(self._view, arguments["name"])
            if session is None:
                return failed(f"no session named {arguments['name']} is known to this agent")
            found = [session]
        else:
            found = sessions.newest_first(self._view)[:MAXIMUM_SHOWN]
        if not found:
            return said("There is no session. " + remedies.REQUEST, {"sessions": []})
        text = "\n".join(self._told(session) for session in found)
        return said(text, {"sessions": [sessions.structured(session, self._view) for session in found]})

    def _told(self, session: SessionView) -> str:
        text = sessions.sentence(session).rstrip(".") + "."
        if sessions.is_live(session):
            tools = f"Tools: {', '.join(sessions.tools_of(session, self._view)) or 'none'}."
            return " ".join([text, tools, *budgets.told(session)])
        if session.state in UNDECIDED:
            return f"{text} A person looks at it with: {sessions.show_command(session)}"
        return text
