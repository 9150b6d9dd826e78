"""How provider tools look in `tools/list`."""

from typing import Any, Literal

from pipes_api.reasons import Reason
from pipes_api.resources import Access
from pipes_catalog.definition import ToolAccess
from pipes_policy.advertise import Advertised

Discovery = Literal["all", "granted"]

GRANTED_META = "pipesmcp.io/granted"


def shown(tools: list[Advertised], discovery: Discovery, reserved: frozenset[str]) -> list[Advertised]:
    """Those that are listed. A provider's tool never takes the name of one of ours."""
    return [tool for tool in tools if tool.name not in reserved and (discovery == "all" or tool.denial is None)]


def described(tool: Advertised) -> dict[str, Any]:
    """One entry of `tools/list`."""
    definition = tool.definition
    reads = definition.access is ToolAccess.READ or (
        # What such a tool does is judged call by call; where only reads can pass, it is one that reads.
        definition.access is ToolAccess.JUDGED and tool.binding.max_access is Access.READ
    )
    return {
        "name": tool.name,
        "title": definition.title,
        "description": definition.description + _state(tool),
        "inputSchema": definition.input_schema,
        "annotations": {
            "title": definition.title,
            "readOnlyHint": reads,
            "destructiveHint": not reads,
            "openWorldHint": True,
        },
        "_meta": {GRANTED_META: tool.denial is None},
    }


def _state(tool: Advertised) -> str:
    denial = tool.denial
    if denial is None:
        return ""
    match denial.reason:
        case Reason.AWAITING_APPROVAL:
            text = f"Session {denial.session} for it awaits a person's approval; session_status tells the state."
        case Reason.CONNECTION_UNAVAILABLE | Reason.BINDING_SUSPENDED | Reason.SCOPE_MISSING:
            text = f"Not usable now: {denial.message.rstrip('.')}. {denial.remedy}"
        case _:
            text = f'Needs a session: call request_session for "{tool.binding.name}"; a person must approve it.'
    return f"\n\n{text}"


def fingerprint(tools: list[Advertised]) -> tuple[tuple[str, str, str], ...]:
    """What a client that has listed the tools would want to hear about: which there are, and which are granted."""
    return tuple((tool.name, tool.definition.hash, tool.denial.reason if tool.denial else "") for tool in tools)
