"""What hosted MCP servers do wrong, and what becomes of it: a sentence for the agent, and never a second write."""

import asyncio
import json
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest

from egress_support import told
from hosted_server import BOTH_ERAS, MODERN, NUMBER, HostedServer, Reply, text, tool
from hosted_support import HostedWorld, called, hosted_world, opened
from pipes_api.resources import Access
from pipes_egress.hosted.answers import MOST_DECLINED
from pipes_egress.hosted.way import Way

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("hosted_server", BOTH_ERAS, indirect=True, scope="module"),
]

ERROR = {"code": -32000, "message": "row 7 \x1b[31mis locked"}


def error_body(error: dict[str, Any], number: Any = None) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode()


REFUSALS: dict[str, tuple[Reply, str]] = {
    "forbidden": (Reply("tools/call", 403), "the connected Acme account is not allowed to do this (status 403)"),
    "busy": (Reply("tools/call", 429, {"Retry-After": "7"}), "asks to slow down (status 429). Try again in 7 s."),
    "moved": (Reply("tools/call", 307, {"Location": "http://169.254.169.254/"}), "a redirect, which is not followed"),
    "an error": (Reply("tools/call", 400, body=error_body(ERROR)), "refused it (code -32000): row 7  [31mis locked"),
    "no JSON": (Reply("tools/call", body=b"<html>"), "answered with what is not JSON"),
    "no result": (Reply("tools/call", result=7), "answered with something else than was asked"),
    "no content": (Reply("tools/call", result={"content": "x"}), "answered with what is no result of a tool"),
    "of another": (
        Reply("tools/call", body=b'{"jsonrpc":"2.0","id":4711,"result":{}}'),
        "something else than was asked",
    ),
    "deep": (Reply("tools/call", body=b"[" * 100_000), "answered with what is not JSON"),
    "deep result": (Reply("tools/call", result={"x": json.loads("[" * 400 + "]" * 400)}), "of more than 200 levels"),
    "asks back": (
        Reply("tools/call", result={"resultType": "input_required"}),
        "asks for input, which cannot be given",
    ),
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_refusal_becomes_a_sentence_and_nothing_is_repeated(kind: str, hosted: HostedWorld) -> None:
    reply, sentence = REFUSALS[kind]
    await opened(hosted)
    again = {"an error": 2}.get(kind, 1) if hosted.server.era != MODERN else 1
    hosted.server.replies.append(Reply(**{**vars(reply), "times": again}))
    result = await hosted.call("go")

    assert result.is_error
    assert result.denial is None
    assert sentence in told(result)
    assert "169.254" not in told(result)
    assert called(hosted) == again, "a 400 is how some servers say that they lost a session"


async def test_an_error_of_the_protocol_is_told_to_the_agent(hosted: HostedWorld) -> None:
    from mcp.shared.exceptions import MCPError

    async def fail(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        raise MCPError(code=-32050, message="quota of today is used up")

    hosted.server.offer(tool("fail"), fail)
    result = await hosted.call("fail")

    assert result.is_error
    assert told(result) == "Acme's MCP server refused it (code -32050): quota of today is used up"


async def test_a_page_that_a_person_must_open_is_not_handed_to_the_agent(hosted: HostedWorld) -> None:
    await opened(hosted)
    error = {"code": -32042, "message": "please sign in", "data": {"elicitations": [{"url": "https://evil.example"}]}}
    hosted.server.replies.append(Reply("tools/call", 200, body=error_body(error)))
    result = await hosted.call("go")

    assert "wants a person to open a page first" in told(result)
    assert "evil.example" not in told(result)


async def test_a_write_without_an_answer_is_not_sent_again(hosted: HostedWorld) -> None:
    await opened(hosted)
    hosted.server.replies.append(Reply("tools/call", cut=True))
    result = await hosted.call("go")

    assert "Whether it was done is not known; look before trying again" in told(result)
    assert result.sent
    assert called(hosted) == 1


async def test_a_read_without_an_answer_is_sent_once_more_under_a_number_of_its_own(hosted: HostedWorld) -> None:
    await opened(hosted, Access.READ)
    hosted.server.replies.append(Reply("tools/call", cut=True))
    result = await hosted.call("go")

    assert not result.is_error
    first, second = hosted.server.asked("tools/call")
    assert first.body["id"] != second.body["id"]


async def test_a_server_that_is_out_of_order_leaves_a_write_in_doubt(hosted: HostedWorld) -> None:
    await opened(hosted)
    hosted.server.replies.append(Reply("tools/call", 502))
    result = await hosted.call("go")

    assert "is out of order (status 502)" in told(result)
    assert "Whether it was done is not known" in told(result)
    assert called(hosted) == 1


async def test_a_lost_session_is_opened_anew_and_the_call_done_once(hosted: HostedWorld) -> None:
    done: list[str] = []

    async def write(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        done.append("written")
        return text("written")

    hosted.server.offer(tool("write"), write)
    await hosted.call("write")
    hosted.server.seen.clear()
    hosted.server.lose_sessions()
    result = await hosted.call("write")

    assert not result.is_error, told(result)
    assert done == ["written", "written"]
    assert len(hosted.server.asked("initialize")) == (0 if hosted.server.era == MODERN else 1)


async def test_a_server_that_loses_every_session_is_given_up(hosted: HostedWorld) -> None:
    await opened(hosted)
    hosted.server.replies.append(Reply("tools/call", 404, times=99))
    result = await hosted.call("go")

    assert result.is_error
    assert "refused it (status 404)" in told(result)
    assert called(hosted) == 2


async def test_a_server_that_becomes_one_of_another_era_is_found_out(hosted: HostedWorld) -> None:
    await opened(hosted)
    before = hosted.server.era
    hosted.server.era = MODERN if before != MODERN else "2025-11-25"
    hosted.server.lose_sessions()
    try:
        results = [await hosted.call("go"), await hosted.call("go")]
    finally:
        hosted.server.era = before

    assert not results[-1].is_error, told(results[-1])
    if before == MODERN:
        assert not results[0].is_error


async def test_a_server_of_no_known_revision_is_told(hosted: HostedWorld) -> None:
    hosted.server.offer(tool("go"))
    hosted.server.replies += [
        Reply("server/discover", 404),
        Reply("initialize", result={"protocolVersion": "2031-01-01", "capabilities": {}}),
    ]
    result = await hosted.call("go")

    assert told(result) == "Acme's MCP server speaks no revision of MCP that is spoken here"
    assert not result.sent


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_server_in_trouble_is_not_taken_for_one_of_another_era(status: int, hosted: HostedWorld) -> None:
    hosted.server.offer(tool("go"))
    hosted.server.replies.append(Reply("server/discover", status))
    assert (await hosted.call("go")).is_error
    assert not hosted.server.asked("initialize")
    assert not (await hosted.call("go")).is_error


async def test_a_cancelled_call_is_cancelled_at_the_server(hosted: HostedWorld) -> None:
    async def slow(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        await asyncio.Event().wait()
        return text("never")

    hosted.server.offer(tool("slow"), slow)
    call = asyncio.create_task(hosted.call("slow"))
    await hosted.server.entered.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    async with asyncio.timeout(10):
        await hosted.server.cancelled.wait()

    number = hosted.server.asked("tools/call")[0].body["id"]
    told_so = [each.body["params"]["requestId"] for each in hosted.server.asked("notifications/cancelled")]
    assert told_so == ([] if hosted.server.era == MODERN else [number])


async def test_a_call_that_takes_too_long_is_cancelled_there_too(hosted_server: HostedServer, tmp_path: Path) -> None:
    async def slow(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        await asyncio.Event().wait()
        return text("never")

    async with hosted_world(tmp_path, hosted_server, call_seconds=0.5) as hosted:
        hosted.server.offer(tool("slow"), slow)
        result = await hosted.call("slow")
        async with asyncio.timeout(10):
            await hosted.server.cancelled.wait()

    assert "took longer than 0.5 s and was cancelled" in told(result)


async def test_what_only_prepares_a_call_does_not_count_as_the_call(hosted: HostedWorld) -> None:
    hosted.server.offer(tool("go"))
    hosted.server.replies.append(Reply("tools/list", 503, times=9))
    result = await hosted.call("go")

    assert result.is_error
    assert not result.sent


def event(message: dict[str, Any], head: bytes = b"") -> bytes:
    return head + b"data: " + json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n"


def answer(said: str) -> dict[str, Any]:
    return {"id": NUMBER, "result": {"content": [{"type": "text", "text": said}]}}


STREAM = {"Content-Type": "text/event-stream"}


async def test_requests_of_the_server_are_declined_and_its_answer_still_arrives(hosted: HostedWorld) -> None:
    await opened(hosted)
    asks = [
        event({"id": 99, "method": method, "params": {}})
        for method in ("sampling/createMessage", "elicitation/create", "ping")
    ]
    hosted.server.replies.append(Reply("tools/call", headers=STREAM, chunks=(*asks, event(answer("ok")))))
    assert told(await hosted.call("go")) == "ok"
    if hosted.server.era == MODERN:
        return

    await asyncio.wait_for(hosted.server.answered(3), 10)
    answers = [each.body for each in hosted.server.seen if isinstance(each.body, dict) and "method" not in each.body]
    assert sorted("error" in each for each in answers) == [False, True, True]
    assert all(each["id"] == 99 for each in answers)


async def test_a_server_that_asks_without_end_is_not_answered_without_end(
    hosted: HostedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    asides: list[Any] = []
    monkeypatch.setattr(Way, "aside", lambda way, headers, message: asides.append(message))
    await opened(hosted)
    asks = b"".join(event({"id": number, "method": "ping"}) for number in range(500))
    hosted.server.replies.append(Reply("tools/call", headers=STREAM, chunks=(asks, event(answer("ok")))))

    assert told(await hosted.call("go")) == "ok"
    assert len(asides) == (0 if hosted.server.era == MODERN else MOST_DECLINED)


async def test_a_stream_that_ends_early_is_taken_up_where_it_ended(hosted: HostedWorld) -> None:
    await opened(hosted)
    hosted.server.replies.append(Reply("tools/call", headers=STREAM, chunks=(b"id: e1\nretry: 100\ndata:\n\n",)))
    call = asyncio.create_task(hosted.call("go"))
    await hosted.server.arrived(lambda seen: seen.asks == "tools/call")
    number = hosted.server.asked("tools/call")[-1].body["id"]
    late = event({**answer("late"), "id": number}, b"id: e2\n")
    hosted.server.replies.append(Reply("GET", headers=STREAM, chunks=(late,)))
    result = await call
    resumed = hosted.server.asked("GET")

    if hosted.server.era == MODERN:
        assert "Whether it was done is not known" in told(result)
        assert not resumed
    else:
        assert told(result) == "late"
        assert [each.headers["last-event-id"] for each in resumed] == ["e1"]


async def test_a_stream_without_end_is_ended_at_the_limit(hosted_server: HostedServer, tmp_path: Path) -> None:
    async with hosted_world(tmp_path, hosted_server, hosted_answer_bytes=50_000) as hosted:
        hosted.server.offer(tool("go"))
        note = event({"method": "notifications/message", "params": {"data": "x" * 1_000}})
        hosted.server.replies.append(Reply("tools/call", headers=STREAM, chunks=(note,) * 100, cut=True))
        result = await hosted.call("go")

    assert "longer than 50,000 bytes" in told(result)
    assert called(hosted) == 1


async def test_a_stream_that_cannot_be_taken_up_does_not_repeat_the_call(hosted: HostedWorld) -> None:
    await opened(hosted)
    hosted.server.replies += [
        Reply("tools/call", headers=STREAM, chunks=(b"id: e1\nretry: 100\ndata:\n\n",)),
        Reply("GET", 404),
    ]
    result = await hosted.call("go")

    assert "Whether it was done is not known" in told(result)
    assert called(hosted) == 1
