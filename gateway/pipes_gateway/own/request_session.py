"""`request_session`: ask a person for access, for the length of one task."""

from typing import Any, ClassVar

import msgspec

from pipes_api import canonical, durations
from pipes_api.messages import CreateSession, SessionCreated
from pipes_live.client import SessionService
from pipes_live.view import LiveView

from ..results import Result, failed, said
from . import sessions
from .tool import OwnTool, unavailable


class RequestSession(OwnTool):
    name = "request_session"
    title = "Request a session"
    description = (
        "Asks a person to approve a session: access to some connections, for a limited time, with a reason. "
        "Answers at once with the session's name; a person decides later, so go on with other work and look at "
        "session_status. Ask for no more than the task needs: Read unless you must write, few tools, a short time. "
        "A session cannot be extended; when it has ended, ask for a new one. Asking twice does not help."
    )
    properties: ClassVar[dict[str, Any]] = {
        "reason": {
            "type": "string",
            "minLength": 1,
            "maxLength": 1000,
            "description": "What you will do with it, for the person who decides. One or two plain sentences.",
        },
        "bindings": {
            "type": "array",
            "minItems": 1,
            "maxItems": 16,
            "description": "The connections, by their names in list_connections.",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 63},
                    "access": {"enum": ["Read", "Write"], "description": "Read when left out."},
                    "tools": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 64,
                        "items": {"type": "string", "minLength": 1, "maxLength": 64},
                        "description": "Only these tools; all that the access allows when left out.",
                    },
                    "calls": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 16,
                        "items": {
                            "type": "object",
                            "properties": {
                                "tool": {"type": "string", "minLength": 1, "maxLength": 64},
                                "arguments": {"type": "object"},
                            },
                            "required": ["tool", "arguments"],
                            "additionalProperties": False,
                        },
                        "description": (
                            "Instead of tools: exactly these calls, each once, with exactly these arguments. Best for "
                            "a write: the person sees what will be done. Call the tool with the same arguments then."
                        ),
                    },
                },
                "required": ["name"],
                "additionalProperties": False,
            },
        },
        "duration": {
            "type": "string",
            "maxLength": 16,
            "description": f"How long it is needed: {durations.FORM}. It counts from the approval.",
        },
        "limits": {
            "type": "object",
            "properties": {
                "maxCalls": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                "maxWrites": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
            },
            "additionalProperties": False,
            "description": "At most so many calls; a small number makes an approval easier.",
        },
    }
    required = ("reason", "bindings", "duration")
    reads = False

    def __init__(self, view: LiveView, service: SessionService) -> None:
        super().__init__()
        self._view = view
        self._service = service

    async def run(self, arguments: dict[str, Any]) -> Result:
        try:
            durations.parse(arguments["duration"])
        except ValueError as error:
            return failed(f"invalid arguments: duration: {error}")
        if not self._view.synchronized:
            return unavailable()
        try:
            bindings = [_with_canonical_calls(each) for each in arguments["bindings"]]
        except ValueError as error:
            return failed(f"invalid arguments: bindings: calls: {error}")
        # The session service says for whom: nothing in the request can name another agent, or approve it.
        return self._answer(
            await self._service.create(msgspec.convert({**arguments, "bindings": bindings}, CreateSession))
        )

    def _answer(self, created: SessionCreated) -> Result:
        session = created.session
        command = sessions.show_command(session)
        tools = sessions.tools_of(session, self._view)
        if sessions.is_live(session):
            first = f"Session {session.name} is active already."
        elif created.created:
            first = f"Session {session.name} is requested. It awaits the approval of a person."
        else:
            first = f"Session {session.name} was requested before and is the same; it still awaits a person."
        lines = [
            first,
            *(f"Note: {note}" for note in created.notes),
            f"The person sees what is asked, and how to approve or deny it, with: {command}",
            f"Tools that will work once it is approved: {', '.join(tools) or 'none'}",
            f'Look at session_status {{"name": "{session.name}"}} from time to time; asking again does not help.',
        ]
        data = sessions.structured(session, self._view)
        return said("\n".join(lines), {**data, "created": created.created, "notes": created.notes, "show": command})


def _with_canonical_calls(binding: dict[str, Any]) -> dict[str, Any]:
    """A person approves a text, so arguments travel as one: the only way to write them (RFC 8785).

    Raises:
        ValueError: some have no such form.
    """
    if "calls" not in binding:
        return binding
    calls = [{**call, "arguments": canonical.dumps(call["arguments"]).decode()} for call in binding["calls"]]
    return {**binding, "calls": calls}
