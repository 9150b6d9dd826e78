"""A bare MCP 2026-07-28 caller: one POST per call, nothing of a client library in the way of the clock."""

import itertools
from typing import Any

import aiohttp
import msgspec

_VERSION = "2026-07-28"
_IDS = itertools.count(1)


class Wire:
    """Calls tools at one gateway over kept connections."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def call(self, tool: str, /, *, in_session: str | None = None, **arguments: Any) -> dict[str, Any]:
        """The `result` of a `tools/call`. in_session: the session that the call names."""
        meta: dict[str, Any] = {
            "io.modelcontextprotocol/protocolVersion": _VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "0"},
        }
        if in_session is not None:
            meta["pipesmcp.io/session"] = in_session
        params = {"name": tool, "arguments": arguments, "_meta": meta}
        body = {"jsonrpc": "2.0", "id": next(_IDS), "method": "tools/call", "params": params}
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": _VERSION,
            "Mcp-Method": "tools/call",
            "Mcp-Name": tool,
        }
        async with self._http.post(self._url, data=msgspec.json.encode(body), headers=headers) as answer:
            said = await answer.read()
        message = msgspec.json.decode(said)
        if "result" not in message:
            raise RuntimeError(f"{tool}: {message}")
        result: dict[str, Any] = message["result"]
        return result


def denial(result: dict[str, Any]) -> str | None:
    """The reason a call was refused for, or None."""
    reason = result.get("_meta", {}).get("pipesmcp.io/denial", {}).get("reason")
    return str(reason) if reason else None
