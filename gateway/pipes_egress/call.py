"""What egress is asked, and what it answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pipes_api.grant import Grant, GrantedBinding
from pipes_api.resources import Access
from pipes_catalog.definition import ToolDefinition
from pipes_policy.call import Denial

Check = Callable[[Access | None, bool], Denial | None]
"""The policy chain on live state: (what the call needs, whether it took its place in the budget) → why not."""

Reserve = Callable[[Access], Awaitable[Denial | None]]
"""Takes one call of that access from the session's budget."""

Progress = Callable[[float, str], Awaitable[None]]
"""Tells the caller that the work goes on: a number that only grows, and a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolRequest:
    """One call of a provider tool.

    `definition` is the one that the grant pins by hash. `check` is asked once
    what the call does is known, and again directly before everything that is
    sent. `reserve` is asked once, before the first send.
    """

    grant: Grant
    granted: GrantedBinding
    definition: ToolDefinition
    arguments: dict[str, Any]
    check: Check
    reserve: Reserve | None = None
    progress: Progress | None = None
    restrict: tuple[Mapping[str, Any], ...] = ()
    """JSON Schemas that the arguments must satisfy too: those of the grant and of the binding as it is now."""
    session: str = ""
    """The session's name, for denials that egress makes itself."""
    traceparent: str = ""


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The answer, in MCP's terms, as it travels from broker to gateway.

    `content` are MCP content blocks. `denial` means refused by policy; a
    provider's own failure has `is_error` alone. `access` is what the call was
    found to do; `sent` whether anything reached the provider.
    """

    content: list[dict[str, Any]]
    structured_content: dict[str, Any] | None = None
    is_error: bool = False
    denial: Denial | None = None
    access: Access | None = None
    sent: bool = False
    meta: dict[str, Any] = msgspec.field(default_factory=dict)
    more: dict[str, Any] = msgspec.field(default_factory=dict)
    """Further members of a result that comes from an MCP server, as it gave them."""


UNTRUSTED = {"pipesmcp.io/content": "untrusted"}
"""`_meta` of what comes from a provider: it is data, whatever it says."""


def text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def failure(text: str, *, access: Access | None = None, sent: bool = False) -> ToolResult:
    """A tool error that is no denial."""
    return ToolResult(content=[text_block(text)], is_error=True, access=access, sent=sent)


def refusal(denial: Denial, *, access: Access | None = None, sent: bool = False) -> ToolResult:
    """A denial as a tool result; who shows it to an agent may word it anew."""
    text = f"permission denied: {denial.message.rstrip('.')}. {denial.remedy}"
    return ToolResult(content=[text_block(text)], is_error=True, denial=denial, access=access, sent=sent)
