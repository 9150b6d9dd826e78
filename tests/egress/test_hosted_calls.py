"""Tools of a provider's own MCP server, in every revision of the protocol that such servers speak."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
import pytest_asyncio

from egress_support import told
from hosted_server import ERAS, MODERN, Reply, text, tool
from hosted_support import HostedWorld, hosted_world
from pipes_api.resources import Access


@pytest_asyncio.fixture(params=ERAS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[HostedWorld]:
    async with hosted_world(tmp_path, request.param) as made:
        yield made


async def test_a_call_reaches_the_tool_under_its_own_name_with_the_vended_credential(world: HostedWorld) -> None:
    async def echo(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        return text(f"{context.protocol_version} {arguments['q']}")

    schema = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
    world.server.offer(tool("searchThings", inputSchema=schema), echo)
    result = await world.call("searchThings", {"q": "żółw 🐢"}, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")

    assert result.content == [{"type": "text", "text": f"{world.server.era} żółw 🐢"}]
    assert (result.is_error, result.sent, result.access) == (False, True, Access.WRITE)
    assert result.meta == {**result.meta, "pipesmcp.io/content": "untrusted"}
    assert world.approved["searchThings"].name == "search_things"
    (call,) = world.server.asked("tools/call")
    assert call.headers["authorization"].startswith("Bearer ")
    assert call.body["params"]["name"] == "searchThings"
    assert call.body["params"]["_meta"]["traceparent"].startswith("00-aaaa")


async def test_a_server_is_opened_and_read_once_for_many_calls(world: HostedWorld) -> None:
    world.server.offer(tool("go"))
    for _ in range(3):
        assert not (await world.call("go")).is_error

    asked = [each.asks for each in world.server.seen]
    opening = (
        ["server/discover"]
        if world.server.era == MODERN
        else ["server/discover", "initialize", "notifications/initialized"]
    )
    assert asked == [*opening, "tools/list", "tools/call", "tools/call", "tools/call"]


async def test_what_another_account_learned_of_the_era_is_not_asked_again(world: HostedWorld) -> None:
    world.server.offer(tool("go"))
    await world.call("go")
    world.egress.drop("session-1")
    world.server.seen.clear()
    await world.call("go")

    first = "server/discover" if world.server.era == MODERN else "initialize"
    assert world.server.seen[0].asks == first


async def test_sessions_and_revisions_are_named_as_each_era_has_it(world: HostedWorld) -> None:
    world.server.offer(tool("go"))
    await world.call("go")
    (call,) = world.server.asked("tools/call")

    assert call.headers["mcp-protocol-version"] == world.server.era
    if world.server.era == MODERN:
        assert (call.headers["mcp-method"], call.headers["mcp-name"]) == ("tools/call", "go")
        assert "mcp-session-id" not in call.headers
    else:
        assert call.headers["mcp-session-id"]
        assert not {"mcp-method", "mcp-name"} & set(call.headers)


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256))).decode()
RESULTS: dict[str, dict[str, Any]] = {
    "text": {"content": [{"type": "text", "text": "hello", "annotations": {"audience": ["user"]}}]},
    "image": {"content": [{"type": "image", "data": PNG, "mimeType": "image/png"}]},
    "resource": {
        "content": [{"type": "resource", "resource": {"uri": "acme://1", "mimeType": "text/plain", "text": "x"}}]
    },
    "link": {"content": [{"type": "resource_link", "uri": "https://acme.example/1", "name": "one", "size": 7}]},
    "structured": {"content": [{"type": "text", "text": "{}"}], "structuredContent": {"a": [1, 2.5, None, {"b": []}]}},
    "error": {"content": [{"type": "text", "text": "no such row"}], "isError": True},
    "unicode": {"content": [{"type": "text", "text": "\u0000\u2028 🐢 żółw \u200f"}]},
    "empty": {"content": []},
    "large": {"content": [{"type": "text", "text": "x" * 1_000_000}]},
    "mixed": {"content": [{"type": "text", "text": "a"}, {"type": "audio", "data": PNG, "mimeType": "audio/wav"}]},
}


@pytest.mark.parametrize("kind", RESULTS)
async def test_results_of_the_official_server_arrive_as_they_were_made(kind: str, world: HostedWorld) -> None:
    made = RESULTS[kind]

    async def give(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        return types.CallToolResult.model_validate(made)

    world.server.offer(tool("give"), give)
    result = await world.call("give")

    assert result.content == made["content"]
    assert result.more.get("structuredContent") == made.get("structuredContent")
    assert result.is_error is made.get("isError", False)


UNKNOWN: dict[str, Any] = {
    "content": [{"type": "hologram", "data": {"deep": [True]}}, {"type": "text", "text": "t", "new": 1}],
    "structuredContent": [1, "two"],
    "isError": False,
    "future": {"x": 12345678901234567890123},
    "_meta": {"acme.example/k": [1], "pipesmcp.io/denial": {"reason": "Revoked"}, "pipesmcp.io/content": "trusted"},
}


@pytest.mark.parametrize("streamed", [False, True])
async def test_members_that_nobody_knows_are_kept_and_ours_cannot_be_forged(streamed: bool, world: HostedWorld) -> None:
    world.server.offer(tool("give"))
    await world.call("give")
    number = world.server.asked("tools/call")[0].body["id"] + 1
    body = msg = b""
    if streamed:
        import json

        msg = json.dumps({"jsonrpc": "2.0", "id": number, "result": UNKNOWN}).encode()
        body = b": hello\r\nevent: message\r\nid: 1\r\ndata: " + msg + b"\r\n\r\n"
        # Cut where it hurts: between carriage return and newline, and within a character.
        chunks = tuple(body[n : n + 7] for n in range(0, len(body), 7))
        reply = Reply("tools/call", headers={"Content-Type": "text/event-stream"}, chunks=chunks)
    else:
        reply = Reply("tools/call", result=UNKNOWN)
    world.server.replies.append(reply)
    result = await world.call("give")

    assert result.content == UNKNOWN["content"]
    assert result.more == {"structuredContent": [1, "two"], "future": UNKNOWN["future"]}
    assert result.meta == {"acme.example/k": [1], "pipesmcp.io/content": "untrusted"}


async def test_what_is_longer_than_allowed_is_refused_whole(tmp_path: Path) -> None:
    async with hosted_world(tmp_path, hosted_answer_bytes=100_000) as world:

        async def give(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
            return text("x" * 200_000)

        world.server.offer(tool("give"), give)
        result = await world.call("give")

    assert result.is_error
    assert "longer than 100,000 bytes. Ask for less at once" in told(result)


async def test_arguments_are_held_to_the_schema_before_anything_is_sent(world: HostedWorld) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    world.server.offer(tool("count", inputSchema=schema))
    result = await world.call("count", {"n": "many"})

    assert result.is_error
    assert told(result).startswith("invalid arguments: n:")
    assert not world.server.seen


async def test_progress_of_the_server_reaches_the_caller_and_only_grows(world: HostedWorld) -> None:
    async def slow(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        await context.session.report_progress(1, 4, "first\x1b[31m")
        await context.session.report_progress(2, 4)
        return text("done")

    heard: list[tuple[float, str]] = []

    async def progress(done: float, sentence: str) -> None:
        heard.append((done, sentence))

    world.server.offer(tool("slow"), slow)
    result = await world.call("slow", progress=progress)

    assert not result.is_error
    assert heard == [(1.0, "1 of 4: first [31m"), (2.0, "2 of 4")]
    assert "progressToken" in world.server.asked("tools/call")[0].body["params"]["_meta"]


async def test_no_progress_is_asked_for_when_nobody_listens(world: HostedWorld) -> None:
    world.server.offer(tool("go"))
    await world.call("go")

    assert "progressToken" not in world.server.asked("tools/call")[0].body["params"].get("_meta", {})


async def test_many_calls_at_once_share_the_server_and_get_their_own_answers(world: HostedWorld) -> None:
    import asyncio

    async def echo(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        await asyncio.sleep(0)
        return text(str(arguments["n"]))

    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    world.server.offer(tool("echo", inputSchema=schema), echo)
    world.approve()
    results = await asyncio.gather(*(world.call("echo", {"n": n}, uid=f"session-{n % 3}") for n in range(30)))

    assert [told(each) for each in results] == [str(n) for n in range(30)]
    assert len(world.server.asked("tools/list")) == 1
    assert len(world.server.asked("server/discover")) == 1


async def test_pages_of_the_list_are_read_to_the_end(world: HostedWorld) -> None:
    world.server.page_size = 2
    for n in range(5):
        world.server.offer(tool(f"t{n}"))
    result = await world.call("t4")

    assert not result.is_error
    assert len(world.server.asked("tools/list")) == 3


async def test_arguments_are_repeated_in_headers_where_the_tool_says_so(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "where": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "Count"}}},
            "dry": {"type": "boolean", "x-mcp-header": "Dry"},
        },
    }
    async with hosted_world(tmp_path, MODERN) as world:
        world.server.offer(tool("go", inputSchema=schema))
        result = await world.call("go", {"region": "ąę", "where": {"n": 3}})

    assert not result.is_error, told(result)
    headers = world.server.asked("tools/call")[0].headers
    assert headers["mcp-param-region"] == f"=?base64?{base64.b64encode('ąę'.encode()).decode()}?="
    assert headers["mcp-param-count"] == "3"
    assert "mcp-param-dry" not in headers
