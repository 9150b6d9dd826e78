"""`end_session`: give access back before it ends by itself."""

from typing import Any, ClassVar

from pipes_live.client import SessionService
from pipes_live.view import LiveView

from ..results import Result, failed, said
from . import sessions
from .tool import SESSION_NAME, OwnTool, unavailable


class EndSession(OwnTool):
    name = "end_session"
    title = "End a session"
    description = (
        "Ends an active session when its work is done, or withdraws a request that nobody has decided on. "
        "It cannot be taken back. Without a name, the only open session."
    )
    properties: ClassVar[dict[str, Any]] = {"name": {**SESSION_NAME, "description": "Name of a session."}}
    reads = False

    def __init__(self, view: LiveView, service: SessionService) -> None:
        super().__init__()
        self._view = view
        self._service = service

    async def run(self, arguments: dict[str, Any]) -> Result:
        if not self._view.synchronized:
            return unavailable()
        open_now = [each for each in sessions.newest_first(self._view) if sessions.is_open(each)]
        if "name" in arguments:
            open_now = [each for each in open_now if each.name == arguments["name"]]
            if not open_now:
                return failed(f"no session named {arguments['name']} is open")
        elif not open_now:
            return failed("there is no open session")
        elif len(open_now) > 1:
            return failed(f"name: there are several open sessions: {', '.join(each.name for each in open_now)}")
        session = open_now[0]
        was_live = sessions.is_live(session)
        await self._service.end(session.name, session.uid)
        text = "has ended" if was_live else "is withdrawn"
        return said(f"Session {session.name} {text}.", {"session": session.name, "ended": True})
