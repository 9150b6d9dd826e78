"""Egress's answer as a tool result of MCP, whichever way it came."""

from pipes_egress.call import ToolResult

from ..results import Result
from . import Outcome


def outcome_of(answer: ToolResult) -> Outcome:
    """Content goes through as it is, kinds of content that this version does not know included."""
    if answer.denial is not None:
        return Outcome({}, answer.denial)
    result: Result = {**answer.more, "content": answer.content}
    if answer.structured_content is not None:
        result["structuredContent"] = answer.structured_content
    if answer.is_error:
        result["isError"] = True
    if answer.meta:
        result["_meta"] = answer.meta
    return Outcome(result)
