"""MCP as a client sends it: both eras' versions, headers and envelopes.

2026-07-28 is stateless: every request says all about itself. The revisions before it have a handshake
(`initialize`) and, at most servers, a session.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from pipes_catalog.mirroring import Place

MODERN = "2026-07-28"
HANDSHAKES = ("2025-11-25", "2025-06-18", "2025-03-26")
"""Revisions with a handshake over Streamable HTTP, newest first."""

UNSUPPORTED_VERSION = -32022
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

CLIENT = {"name": "pipes-mcp", "title": "Pipes MCP for Kubernetes", "version": version("pipes-mcp")}
_META = "io.modelcontextprotocol/"
_PLAIN = re.compile(r"[\x20-\x7e]*\Z")
_SENTINEL = re.compile(r"=\?base64\?.*\?=\Z")
_SESSION_ID = re.compile(r"[\x21-\x7e]{1,512}\Z")


@dataclass(frozen=True, slots=True)
class Spoken:
    """How a server is spoken to. `session` is empty where there is none; `announces`: it says when its tools change."""

    version: str
    session: str = ""
    announces: bool = False

    @property
    def modern(self) -> bool:
        return self.version == MODERN

    @property
    def named(self) -> dict[str, str]:
        """Headers that say so."""
        session = {"Mcp-Session-Id": self.session} if self.session else {}
        return {"MCP-Protocol-Version": self.version, **session}

    @property
    def posting(self) -> dict[str, str]:
        """Headers of a message that is posted."""
        return {"Accept": "application/json, text/event-stream", "Content-Type": "application/json", **self.named}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One request. `repeatable`: doing it twice does no more than once. `mirrored` are arguments to be repeated
    in headers, by header name."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    repeatable: bool = True
    mirrored: Mapping[str, str] = field(default_factory=dict)
    traceparent: str = ""

    def headers(self, spoken: Spoken) -> dict[str, str]:
        headers = spoken.posting
        if spoken.modern:
            headers["Mcp-Method"] = self.method
            if isinstance(name := self.params.get("name"), str):
                headers["Mcp-Name"] = header_value(name)
            headers |= {f"Mcp-Param-{name}": header_value(value) for name, value in self.mirrored.items()}
        return headers

    def envelope(self, spoken: Spoken, number: int, *, progress: bool = False) -> dict[str, Any]:
        meta: dict[str, Any] = {}
        if spoken.modern:
            meta = {f"{_META}protocolVersion": MODERN, f"{_META}clientCapabilities": {}, f"{_META}clientInfo": CLIENT}
        if progress:
            meta["progressToken"] = number
        if self.traceparent:
            meta["traceparent"] = self.traceparent
        params = {**self.params, "_meta": meta} if meta else dict(self.params)
        return {"jsonrpc": "2.0", "id": number, "method": self.method, "params": params}


DISCOVER = Ask(method="server/discover")
INITIALIZE = Ask(
    method="initialize", params={"protocolVersion": HANDSHAKES[0], "capabilities": {}, "clientInfo": CLIENT}
)


def notification(method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})}


def declined(request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to what a server asks of its client: it is told that nobody is asked here."""
    head = {"jsonrpc": "2.0", "id": request["id"]}
    if request.get("method") == "ping":
        return {**head, "result": {}}
    message = "Not supported: this client has no person, model or files to ask"
    return {**head, "error": {"code": METHOD_NOT_FOUND, "message": message}}


def header_value(value: str) -> str:
    """Text as a header's value (2026-07-28, Value Encoding): base64 in a sentinel unless it is plain."""
    if _PLAIN.match(value) and value == value.strip() and not _SENTINEL.match(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def mirrored_values(places: Mapping[Place, str], arguments: Mapping[str, Any]) -> dict[str, str]:
    """Values of the arguments that are there, by header name."""
    values: dict[str, str] = {}
    for place, name in places.items():
        value: Any = arguments
        for step in place:
            value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(value, bool):
            values[name] = "true" if value else "false"
        elif isinstance(value, str | int):
            values[name] = str(value)
    return values


def announces(result: Mapping[str, Any]) -> bool:
    """Whether the answer to `server/discover` or `initialize` promises to say when the tools change."""
    capabilities = result.get("capabilities")
    tools = capabilities.get("tools") if isinstance(capabilities, Mapping) else None
    return isinstance(tools, Mapping) and tools.get("listChanged") is True


def is_session_id(text: str) -> bool:
    return _SESSION_ID.match(text) is not None
