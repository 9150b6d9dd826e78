"""A provider's own MCP server, made with the official SDK, in front of which everything can go wrong.

It stands where egress's sandbox address points: requests for its host reach the SDK's server, over uvicorn;
all others go on to the real sandbox, which plays Pipes.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import mcp_types as types
import uvicorn
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.server.transport_security import TransportSecuritySettings

from pipes_api.names import SANDBOX_HOST_HEADER

HOST = "mcp.acme.example"
URL = f"https://{HOST}/v1/mcp"
ERAS = ("2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26")
MODERN = ERAS[0]
BOTH_ERAS = ERAS[:2]
"""The stateless one, and the newest with sessions."""

NUMBER = "%number%"
"""In a reply: the id of the request that it answers."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Any, dict[str, Any]], Awaitable[types.CallToolResult]]


def tool(name: str, description: str = "", **members: Any) -> dict[str, Any]:
    schema = members.pop("inputSchema", {"type": "object", "properties": {}})
    return {"name": name, "description": description or f"Does {name}.", "inputSchema": schema, **members}


def text(*parts: str, error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=each) for each in parts], is_error=error)


@dataclass(frozen=True)
class Seen:
    """One HTTP request that reached the server; `body` is its JSON."""

    method: str
    headers: dict[str, str]
    body: Any
    peer: int
    """The port that it came from: one for each connection."""

    @property
    def asks(self) -> str:
        """The method of JSON-RPC, or that of HTTP where there is no body."""
        return str(self.body.get("method", "")) if isinstance(self.body, dict) else self.method


@dataclass
class Reply:
    """An answer given instead of the server's, to the next request that `asks` for that method (any, if empty).

    In chunks, NUMBER stands for the id of the request.
    """

    asks: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    result: Any = None
    chunks: tuple[bytes, ...] = ()
    cut: bool = False
    """The connection breaks before the answer ends."""
    times: int = 1


class _Uvicorn(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class HostedServer:
    """`era` is the only revision it speaks; None: all that the SDK does. `tools` may be changed at any time.

    `announces`: it promises to say when they do, and does so in calls of a tool that has `announce` for a handler.
    """

    def __init__(self, sandbox: str, era: str | None = None, *, announces: bool = False) -> None:
        self.era = era
        self._announces = announces
        self._bus = InMemorySubscriptionBus()
        self.port = 0
        self.reset()
        self._ready, self._stop = asyncio.Event(), asyncio.Event()
        self._sandbox = sandbox
        self._http: aiohttp.ClientSession | None = None
        self._manager = self._made()

    def reset(self) -> None:
        """As new, but for the sessions that the SDK keeps."""
        self.tools: list[dict[str, Any]] = []
        self.handlers: dict[str, Handler] = {}
        self.page_size = 100
        self.seen: list[Seen] = []
        self.replies: list[Reply] = []
        self.cancelled = asyncio.Event()
        self.entered = asyncio.Event()
        self._arrived = asyncio.Event()
        self.before_answering: asyncio.Event | None = None

    def offer(self, described: dict[str, Any], handler: Handler | None = None) -> None:
        async def nothing(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
            return text("done")

        self.tools = [each for each in self.tools if each["name"] != described["name"]] + [described]
        self.handlers[described["name"]] = handler or nothing

    def asked(self, method: str) -> list[Seen]:
        return [each for each in self.seen if each.asks == method]

    async def arrived(self, fits: Callable[["Seen"], bool] = lambda _: True) -> None:
        """Wait until something (that fits) has been asked."""
        async with asyncio.timeout(10):
            while not any(map(fits, self.seen)):
                self._arrived.clear()
                await self._arrived.wait()

    async def answered(self, count: int) -> None:
        """Wait until the client has posted so many answers to requests of the server."""
        while sum(isinstance(each.body, dict) and "method" not in each.body for each in self.seen) < count:
            self._arrived.clear()
            await self._arrived.wait()

    def lose_sessions(self) -> None:
        """As when the server is started again: what it knew is gone."""
        self._manager._server_instances.clear()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["HostedServer"]:
        config = uvicorn.Config(
            self._app,
            interface="asgi3",
            host="127.0.0.1",
            port=0,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = _Uvicorn(config)
        # The SDK's scopes must be left in the task that entered them, which tests' fixtures are not.
        managing = asyncio.create_task(self._managed())
        await self._ready.wait()
        async with aiohttp.ClientSession() as self._http:
            with contextlib.closing(config.bind_socket()) as bound:
                self.port = bound.getsockname()[1]
                # asyncio sets it for sockets that were made as IPPROTO_TCP only; without it each answer takes 40 ms.
                bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                serving = asyncio.create_task(server._serve([bound]))
                await server.ready.wait()
                try:
                    yield self
                finally:
                    server.should_exit = True
                    server.force_exit = True
                    await serving
        self._stop.set()
        await managing

    async def _managed(self) -> None:
        async with self._manager.run():
            self._ready.set()
            await self._stop.wait()

    def _made(self) -> StreamableHTTPSessionManager:
        server: Server[Any] = Server(
            "acme",
            version="1",
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_subscriptions_listen=ListenHandler(self._bus) if self._announces else None,
            get_tool_input_schema=lambda name: next((t["inputSchema"] for t in self.tools if t["name"] == name), None),
        )
        options = server.create_initialization_options
        changes = NotificationOptions(tools_changed=self._announces)
        server.create_initialization_options = lambda *_: options(changes)  # type: ignore[method-assign]
        return StreamableHTTPSessionManager(
            app=server, security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False)
        )

    async def publish(self) -> None:
        """Tell who listens in the stateless era that the tools have changed."""
        await self._bus.publish(ToolsListChanged())

    async def announce(self, context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        await self.publish()
        await context.session.send_tool_list_changed()
        return text("said")

    async def _list(self, context: Any, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        begin = int(params.cursor or 0) if params is not None else 0
        end = begin + self.page_size
        return types.ListToolsResult(
            tools=[types.Tool.model_validate(each) for each in self.tools[begin:end]],
            next_cursor=str(end) if end < len(self.tools) else None,
            ttl_ms=0,
            cache_scope="private",
        )

    async def _call(self, context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if params.name not in {each["name"] for each in self.tools}:
            from mcp.shared.exceptions import MCPError

            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name}")
        self.entered.set()
        try:
            return await self.handlers[params.name](context, params.arguments or {})
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def _app(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _body(receive)
        if headers.get(SANDBOX_HOST_HEADER.lower()) != HOST:
            await self._to_sandbox(scope, headers, body, send)
            return
        document = json.loads(body) if body else None
        seen = Seen(scope["method"], headers, document, scope["client"][1])
        self.seen.append(seen)
        self._arrived.set()
        if self.before_answering is not None:
            await self.before_answering.wait()
        reply = self._reply(seen) or self._of_another_era(seen)
        if reply is not None:
            await _answer(reply, document, send)
            return
        await self._manager.handle_request({**scope, "path": "/mcp"}, self._receiving(body, document, receive), send)

    def _receiving(self, body: bytes, document: Any, receive: Receive) -> Receive:
        if self.era and self.era != MODERN and isinstance(document, dict) and document.get("method") == "initialize":
            # The SDK's server agrees to every revision; an older one would name its own.
            document["params"]["protocolVersion"] = self.era
            body = json.dumps(document).encode()
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def next_message() -> Message:
            if messages:
                return messages.pop()
            return await receive()

        return next_message

    def _reply(self, seen: Seen) -> Reply | None:
        for reply in self.replies:
            if reply.asks in ("", seen.asks) and reply.times > 0:
                reply.times -= 1
                return reply
        return None

    def _of_another_era(self, seen: Seen) -> Reply | None:
        if self.era == MODERN and seen.asks == "initialize":
            error = {"code": -32601, "message": "Method not found: initialize"}
        elif self.era not in (None, MODERN) and seen.headers.get("mcp-protocol-version") == MODERN:
            # As the SDK's 1.x servers say it.
            error = {"code": -32600, "message": f"Bad Request: Unsupported protocol version: {MODERN}"}
        else:
            return None
        body = json.dumps({"jsonrpc": "2.0", "id": "server-error", "error": error}).encode()
        return Reply(status=404 if self.era == MODERN else 400, body=body)

    async def _to_sandbox(self, scope: Message, headers: dict[str, str], body: bytes, send: Send) -> None:
        assert self._http is not None
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        own = {name: value for name, value in headers.items() if name not in ("host", "content-length")}
        async with self._http.request(
            scope["method"], f"{self._sandbox}{scope['path']}{query}", data=body, headers=own, allow_redirects=False
        ) as answer:
            content = await answer.read()
        kind = answer.headers.get("Content-Type", "application/json")
        await _answer(Reply(status=answer.status, body=content, headers={"Content-Type": kind}), None, send)


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _answer(reply: Reply, document: Any, send: Send) -> None:
    body = reply.body
    if body is None:
        number = document.get("id") if isinstance(document, dict) else None
        body = json.dumps({"jsonrpc": "2.0", "id": number, "result": reply.result}).encode()
    headers = {"Content-Type": "application/json", **reply.headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    number = str(document.get("id")) if isinstance(document, dict) else ""
    chunks = [each.replace(f'"{NUMBER}"'.encode(), number.encode()) for each in reply.chunks or (body,)]
    if not reply.cut:
        raw.append((b"content-length", str(sum(map(len, chunks))).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    if reply.cut:
        raise ConnectionResetError("cut on purpose")
    await send({"type": "http.response.body", "body": b"", "more_body": False})
