"""The gateway's own tools: what connections there are, asking for a session, its state, its end."""

from pipes_live.client import SessionService
from pipes_live.view import LiveView

from .end_session import EndSession
from .list_connections import ListConnections
from .request_session import RequestSession
from .session_status import SessionStatus
from .tool import OwnTool


def own_tools(view: LiveView, service: SessionService) -> dict[str, OwnTool]:
    """By name, in the order in which they are listed."""
    tools = [
        ListConnections(view),
        RequestSession(view, service),
        SessionStatus(view),
        EndSession(view, service),
    ]
    return {tool.name: tool for tool in tools}
