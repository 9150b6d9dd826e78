"""Calls of hosted servers' tools: held to their pin, sent on, passed back as they are."""

import asyncio
from collections.abc import Mapping
from typing import Any

from pipes_api.reasons import Reason
from pipes_catalog.mirroring import mirrored
from pipes_catalog.remote import Remote
from pipes_policy import remedies
from pipes_policy.call import Denial

from ..call import UNTRUSTED, Progress, ToolResult
from ..problems import ProviderFailed, Refused
from .depth import nests_at_most
from .problems import RpcError, failed
from .protocol import Ask, mirrored_values
from .upstream import Upstream
from .way import Way

TICK_SECONDS = 10.0
"""Clients give up after a minute of silence, some earlier."""

DEEPEST = 200
"""Levels of a result that can be passed on."""

OUR_META = "pipesmcp.io/"
_OF_THE_HOP = ("resultType", "ttlMs", "cacheScope")
"""Members that are about the exchange with this one server, and mean nothing to whoever comes next."""


class HostedCall:
    """One call of one tool, with the seams of `run.execution.Execution`."""

    def __init__(self, remote: Remote, upstream: Upstream, way: Way, *, progress: Progress | None) -> None:
        self._remote = remote
        self._upstream = upstream
        self._way = way
        self._progress = progress
        self._told = 0
        if progress is not None:
            way.told = self._tell

    async def run(self, arguments: dict[str, Any], schema: dict[str, Any], *, repeatable: bool) -> ToolResult:
        """The result of the tool, members that nobody knows included.

        Raises:
            Refused: policy or the connection forbids it, or the tool is not the approved one any more.
            ProviderFailed: the server refused, or its answer cannot be had.
        """
        ticking = asyncio.create_task(self._tick()) if self._progress is not None else None
        try:
            return await self._run(arguments, schema, repeatable)
        finally:
            if ticking is not None:
                ticking.cancel()

    async def _run(self, arguments: dict[str, Any], schema: dict[str, Any], repeatable: bool) -> ToolResult:
        await self._hold_to_pin()
        ask = Ask(
            method="tools/call",
            params={"name": self._remote.tool, "arguments": arguments},
            repeatable=repeatable,
            mirrored=mirrored_values(mirrored(schema), arguments),
            traceparent=self._way.traceparent,
        )
        try:
            result = await self._upstream.request(self._way, ask, counts=True)
        except RpcError as error:
            if error.may_be_unknown_tool:
                await self._hold_to_pin(anew=True)
            raise failed(self._remote.title, error) from None
        if _may_not_know_the_tool(result):
            self._upstream.listing.doubt()
        return passed_on(result, self._remote.title)

    async def _hold_to_pin(self, *, anew: bool = False) -> None:
        """What is called is what was approved, as far as the server says what it is."""
        listing = await self._upstream.tools(self._way, anew=anew)
        remote = self._remote
        if listing.has(remote.tool, remote.pin):
            return
        now = "describes it differently now" if listing.lists(remote.tool) else "does not offer it any more"
        message = f"the tool is not the one that was approved: {remote.title}'s MCP server {now}"
        raise Refused(Denial(reason=Reason.TOOLS_CHANGED, message=message, remedy=remedies.REQUEST))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self._tell(f"{self._remote.title}'s MCP server has not answered yet")

    async def _tell(self, sentence: str) -> None:
        if self._progress is not None:
            # Numbers of our own: a server's may stand still, and ours must grow.
            self._told += 1
            await self._progress(float(self._told), sentence)


def passed_on(result: Mapping[str, Any], title: str) -> ToolResult:
    """The result as it is, marked as a provider's.

    Raises:
        ProviderFailed: it is no result of a tool, or asks for something instead.
    """
    if (kind := result.get("resultType", "complete")) != "complete":
        what = "asks for input" if kind == "input_required" else "answered with something that is not supported here"
        raise ProviderFailed(f"{title}'s MCP server {what}, which cannot be given from here. Nothing more was done.")
    if not nests_at_most(result, DEEPEST):
        raise ProviderFailed(f"{title}'s MCP server answered with JSON of more than {DEEPEST} levels")
    content, meta = result.get("content", []), result.get("_meta")
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise ProviderFailed(f"{title}'s MCP server answered with what is no result of a tool")
    # Our own keys are ours to write: a server could pass its answer off as a refusal of the policy.
    theirs = {key: each for key, each in meta.items() if not key.startswith(OUR_META)} if isinstance(meta, dict) else {}
    known = ("content", "isError", "_meta", *_OF_THE_HOP)
    return ToolResult(
        content=content,
        is_error=result.get("isError") is True,
        meta={**theirs, **UNTRUSTED},
        more={name: each for name, each in result.items() if name not in known},
        sent=True,
    )


def _may_not_know_the_tool(result: Mapping[str, Any]) -> bool:
    """Older servers say it in a result."""
    if result.get("isError") is not True:
        return False
    texts = (each.get("text") for each in result.get("content") or () if isinstance(each, dict))
    return any(isinstance(text, str) and "tool" in text[:200].lower() for text in texts)
