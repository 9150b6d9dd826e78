"""MCP by hand: what goes over the wire, without a client that would put it right."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from pipes_api.names import DENIAL_META

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
BOTH = "application/json, text/event-stream"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "probe", "version": "0"},
}


class Answer:
    def __init__(self, status: int, headers: Any, text: str) -> None:
        self.status = status
        self.headers = headers
        self.text = text
        self.messages = messages_of(headers.get("Content-Type", ""), text)

    @property
    def body(self) -> dict[str, Any]:
        """The last message: a response."""
        return self.messages[-1]

    @property
    def result(self) -> dict[str, Any]:
        assert "result" in self.body, self.text
        found: dict[str, Any] = self.body["result"]
        return found

    @property
    def code(self) -> int | None:
        return self.body["error"]["code"] if self.messages and "error" in self.body else None


class Wire:
    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http = http
        self.url = url

    async def post(self, body: Any, headers: dict[str, str]) -> Answer:
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        given = {"Content-Type": "application/json", "Accept": BOTH, **headers}
        async with self.http.post(self.url, data=data, headers=given) as response:
            return Answer(response.status, response.headers, await response.text())

    async def modern(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        request_id: Any = 1,
        meta: Any = None,
        **headers: str,
    ) -> Answer:
        """One request of 2026-07-28."""
        body, given = modern(method, params, request_id=request_id, meta=meta)
        return await self.post(body, {**given, **headers})

    async def call(self, tool: str, arguments: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """The result of a call in 2026-07-28."""
        answer = await self.modern("tools/call", {"name": tool, "arguments": arguments or {}}, **more)
        assert answer.status == 200, answer.text
        return answer.result

    async def initialize(self, version: str = LEGACY) -> dict[str, str]:
        """The headers of a session of an earlier revision."""
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "probe", "version": "0"}}
        answer = await self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}, {})
        assert answer.status == 200, answer.text
        headers = {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"], "MCP-Protocol-Version": version}
        await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, headers)
        return headers

    async def legacy(
        self, session: dict[str, str], method: str, params: dict[str, Any] | None = None, *, request_id: Any = 1
    ) -> Answer:
        return await self.post({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}}, session)


def modern(
    method: str, params: dict[str, Any] | None = None, *, request_id: Any = 1, meta: Any = None
) -> tuple[dict[str, Any], dict[str, str]]:
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    if method == "tools/call" and params:
        headers["Mcp-Name"] = params["name"]
    given = {**(params or {}), "_meta": {**META, **(meta or {})}}
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": given}, headers


def reason_of(result: dict[str, Any]) -> str:
    """Why a call was refused by policy."""
    assert result["isError"] is True
    assert result["content"][0]["text"].startswith("permission denied: ")
    return str(result["_meta"][DENIAL_META]["reason"])


def messages_of(content_type: str, text: str) -> list[dict[str, Any]]:
    if content_type.startswith("text/event-stream"):
        return [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: ")]
    return [json.loads(text)] if content_type.startswith("application/json") else []


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """Messages of an event stream as they come."""
    async for line in response.content:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])
