"""What is left of a live session's budget, by the usage that the operator told last.

Reads are reserved a few at a time, and what is reserved counts as used: so calls left are told as the least there are.
Writes, calls of tools with a limit of their own, and exact calls are reserved one by one, and told exactly.
"""

from typing import Any

from pipes_api.grant import Grant, GrantedBinding
from pipes_api.messages import SessionView
from pipes_policy import exact


def told(session: SessionView) -> list[str]:
    """Sentences for a model; none where there are no limits."""
    grant = session.grant
    if grant is None:
        return []
    left, sentences = structured(session), []
    if "callsLeft" in left:
        sentences.append(f"At least {left['callsLeft']} calls are left.")
    if "writesLeft" in left:
        sentences.append(f"{left['writesLeft']} writes are left.")
    for tool, of_tool in left.get("tools", {}).items():
        sentences.append(f"{of_tool['callsLeft']} calls of {tool} are left.")
    for call in left.get("exactCalls", ()):
        sentences.append(f"Approved once, with exactly these arguments: {call['tool']} {call['arguments']}")
    return sentences


def structured(session: SessionView) -> dict[str, Any]:
    """The same as data: `callsLeft`, `writesLeft`, `tools` by name, `exactCalls` that are open."""
    grant, usage = session.grant, session.usage
    if grant is None:
        return {}
    left: dict[str, Any] = {}
    if grant.limits.max_calls is not None:
        left["callsLeft"] = max(0, grant.limits.max_calls - usage.calls)
    if grant.limits.max_writes is not None:
        left["writesLeft"] = max(0, grant.limits.max_writes - usage.writes)
    tools = {
        tool: {"callsLeft": max(0, limits.max_calls - usage.tools.get(tool, 0))}
        for binding in grant.bindings
        for tool, limits in binding.limits.items()
        if limits.max_calls is not None
    }
    if tools:
        left["tools"] = tools
    if any(binding.calls for binding in grant.bindings):
        left["exactCalls"] = _exact(grant, session)
    return left


def _exact(grant: Grant, session: SessionView) -> list[dict[str, str]]:
    def of(binding: GrantedBinding) -> list[dict[str, str]]:
        return [
            {"tool": call.tool, "arguments": call.arguments}
            for tool in dict.fromkeys(each.tool for each in binding.calls)
            for call in exact.still_open(binding, session.usage, tool)
        ]

    return [each for binding in grant.bindings for each in of(binding)]
