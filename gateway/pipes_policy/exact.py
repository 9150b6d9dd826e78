"""Exact calls: a grant may allow single calls, each once, instead of tools (`spec.bindings[].calls`).

What counts is the tool and the canonical JSON (RFC 8785) of the arguments as the agent wrote them, before defaults: a
person approved that text, and nothing that a later default could change.
"""

from collections.abc import Mapping
from typing import Any

from pipes_api import canonical
from pipes_api.grant import GrantedBinding, GrantedCall
from pipes_api.resources import Usage


def approved(granted: GrantedBinding, tool: str, arguments: Mapping[str, Any]) -> GrantedCall | None:
    """The approved call that this one is; None when it is none of them."""
    candidates = of_tool(granted, tool)
    if not candidates:
        return None
    try:
        text = canonical.dumps(arguments).decode()
    except ValueError:
        # What has no canonical form was not approved in it.
        return None
    return next((each for each in candidates if each.arguments == text), None)


def of_tool(granted: GrantedBinding, tool: str) -> tuple[GrantedCall, ...]:
    return tuple(each for each in granted.calls if each.tool == tool)


def still_open(granted: GrantedBinding, usage: Usage, tool: str) -> tuple[GrantedCall, ...]:
    """The approved calls of the tool that nobody has made, or is making."""
    return tuple(each for each in of_tool(granted, tool) if each.id not in usage.exact)
