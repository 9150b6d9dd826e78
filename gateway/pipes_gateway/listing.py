"""How provider tools look in `tools/list`."""

from typing import Any, Literal

from pipes_api.reasons import Reason
from pipes_api.resources import Access
from pipes_catalog.definition import ToolAccess
from pipes_policy import remedies
from pipes_policy.advertise import Advertised

Discovery = Literal["all", "granted"]

GRANTED_META = "pipesmcp.io/granted"
EXACT_META = "pipesmcp.io/exactCalls"
"""The only arguments a tool may be called with, each once, as canonical JSON (RFC 8785)."""
SESSIONS_META = "pipesmcp.io/sessions"
"""Names of the sessions that allow the tool, where a call must name one."""
LONGEST_ARGUMENTS = 4_000


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
        "_meta": _meta(tool),
    }


def _meta(tool: Advertised) -> dict[str, Any]:
    meta: dict[str, Any] = {GRANTED_META: tool.denial is None}
    if tool.exact:
        meta[EXACT_META] = [each.arguments for each in tool.exact]
    if tool.sessions:
        meta[SESSIONS_META] = list(tool.sessions)
    return meta


def _state(tool: Advertised) -> str:
    denial = tool.denial
    if denial is None:
        return _narrowing(tool)
    match denial.reason:
        case Reason.AWAITING_APPROVAL:
            text = f"Session {denial.session} for it awaits a person's approval; session_status tells the state."
        case Reason.CONNECTION_UNAVAILABLE | Reason.BINDING_SUSPENDED | Reason.SCOPE_MISSING:
            text = f"Not usable now: {denial.message.rstrip('.')}. {denial.remedy}"
        case Reason.BUDGET_EXHAUSTED:
            text = f"Used up: {denial.message}. {denial.remedy}"
        case Reason.SESSION_REQUIRED if tool.binding.from_session:
            text = f"Needs a session. {denial.remedy}"
        case _:
            text = f'Needs a session: call request_session for "{tool.binding.name}"; a person must approve it.'
    return f"\n\n{text}"


def _narrowing(tool: Advertised) -> str:
    """How a call that is allowed must be made, where not every call is."""
    text = ""
    if tool.exact:
        shown = "\n".join(each.arguments for each in tool.exact)
        if len(shown) > LONGEST_ARGUMENTS:
            shown = "those that session_status shows"
        text += f"\n\nApproved for exactly these arguments, each once, and for no other call:\n{shown}"
    if tool.sessions:
        text += f"\n\nAllowed by several sessions ({', '.join(tool.sessions)}). {remedies.NAME_ONE}"
    return text


def fingerprint(tools: list[Advertised]) -> tuple[object, ...]:
    """What a client that has listed the tools would want to hear about: which there are, and which are granted."""
    return tuple(
        (tool.name, tool.definition.hash, tool.denial.reason if tool.denial else "", tool.exact, tool.sessions)
        for tool in tools
    )
