"""An agent: the official MCP client, and what it sees."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import mcp_types
from anyio.abc import TaskStatus

from mcp import Client

DENIAL = "pipesmcp.io/denial"
SESSION = "pipesmcp.io/session"
_STATELESS = "2026-07-28"


@dataclass(frozen=True)
class Answer:
    """A tool's answer as a model would see it."""

    text: str
    is_error: bool
    denial: Mapping[str, Any] | None
    structured: Any
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> Any:
        """What the provider answered: the first block, without what is said about it."""
        return json.loads(self.text.split("\n", 1)[0])

    @property
    def reason(self) -> str | None:
        return self.denial["reason"] if self.denial else None


class Agent:
    """One MCP client at a gateway. `mode`: `auto` (2026-07-28 where the server has it), `legacy`, or a revision."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.list_changed = anyio.Event()

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str, mode: str = "auto") -> AsyncIterator["Agent"]:
        agent: Agent | None = None

        async def hear(message: Any) -> None:
            if agent is not None and isinstance(message, mcp_types.ToolListChangedNotification):
                agent.list_changed.set()

        async with (
            Client(url, mode=mode, message_handler=hear, read_timeout_seconds=60) as client,
            anyio.create_task_group() as tasks,
        ):
            agent = cls(client)
            if client.protocol_version >= _STATELESS:
                await tasks.start(agent._listen)
            yield agent
            tasks.cancel_scope.cancel()

    async def _listen(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Since 2026-07-28 a client asks for notifications by a request of its own."""
        async with self._client.listen(tools_list_changed=True) as changes:
            task_status.started()
            async for _ in changes:
                self.list_changed.set()

    @property
    def protocol(self) -> str:
        return self._client.protocol_version

    async def tools(self) -> dict[str, mcp_types.Tool]:
        listed = await self._client.list_tools(cache_mode="bypass")
        return {tool.name: tool for tool in listed.tools}

    async def call(self, tool: str, /, *, in_session: str | None = None, **arguments: Any) -> Answer:
        """in_session: the session that the call names, where several cover the connection."""
        meta: Any = {SESSION: in_session} if in_session is not None else None
        result = await self._client.call_tool(tool, arguments, meta=meta)
        text = "\n".join(block.text for block in result.content if isinstance(block, mcp_types.TextContent))
        told = result.meta or {}
        return Answer(text, bool(result.is_error), told.get(DENIAL), result.structured_content, told)

    async def ask(
        self, *bindings: Mapping[str, Any], duration: str = "10m", reason: str = "an end-to-end test", **asked: Any
    ) -> str:
        """The name of the session that it asks for; a person must approve it."""
        answer = await self.call("request_session", reason=reason, bindings=bindings, duration=duration, **asked)
        assert not answer.is_error, answer.text
        name: str = answer.structured["session"]
        return name

    async def until_live(self, *names: str) -> None:
        """Returns when the gateway has heard that these sessions are live."""
        with anyio.fail_after(10):
            while True:
                told = (await self.call("session_status")).structured["sessions"]
                if set(names) <= {each["session"] for each in told if each["live"]}:
                    return
                await anyio.sleep(0.01)
