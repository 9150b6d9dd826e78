"""Answers belong to their questions, text stays what it is, and progress comes to who asked for it."""

import asyncio
import json
from typing import Any

import pytest

from gateway.broker_server import BrokerServer, echo
from gateway.wire import BOTH, Wire, events, modern
from pipes_api.messages import BrokerCall
from pipes_egress.call import ToolResult, text_block
from pipes_gateway import provider

TOOL = "snowflake_query"

pytestmark = pytest.mark.usefixtures("approved")


@pytest.mark.parametrize("era", ["modern", "one session", "two sessions"])
async def test_equal_ids_in_flight_never_swap_answers(wire: Wire, broker: BrokerServer, era: str) -> None:
    """A08"""
    sessions = [await wire.initialize()]
    sessions.append(await wire.initialize() if era == "two sessions" else sessions[0])

    async def slow(server: BrokerServer, call: BrokerCall) -> ToolResult:
        await asyncio.sleep(0.01 if call.arguments["q"].endswith("0") else 0)
        return await echo(server, call)

    broker.work = slow

    async def ask(mark: str, which: int) -> str:
        params = {"name": TOOL, "arguments": {"q": mark}}
        if era == "modern":
            answer = await wire.modern("tools/call", params, request_id=7)
        else:
            answer = await wire.legacy(sessions[which], "tools/call", params, request_id=7)
        assert answer.body["id"] == 7
        return str(answer.result["content"][0]["text"])

    marks = [f"mark-{number}" for number in range(50)]
    answers = await asyncio.gather(*(ask(mark, number % 2) for number, mark in enumerate(marks)))
    assert answers == [f'{TOOL} {{"q":"{mark}"}}' for mark in marks]


@pytest.mark.parametrize("request_id", ["1", "", "ключ", 0, -1, 2**53 + 1])
async def test_ids_are_echoed_exactly(wire: Wire, request_id: Any) -> None:
    for answer in (
        await wire.modern("tools/call", {"name": TOOL, "arguments": {}}, request_id=request_id),
        await wire.modern("tools/list", request_id=request_id),
        await wire.modern("tools/nothing", request_id=request_id),
        await wire.modern("tools/list", request_id=request_id, Authorization="Bearer abc"),
        await wire.modern("tools/list", request_id=request_id, Origin="http://evil.example"),
        await wire.modern("tools/list", request_id=request_id, Accept="text/html"),
    ):
        assert answer.body["id"] == request_id
        assert type(answer.body["id"]) is type(request_id)


TEXTS = [
    "שלום עולם",
    "漢字",
    "\U0001f469\u200d\U0001f4bb",
    "e\u0301 is not \u00e9",
    "line\u2028and\u2029sep",
    "nul\0",
    "data: x\r\n\r\nevent: y",
    "\u0085",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("streamed", [False, True])
async def test_text_goes_there_and_back_unchanged(wire: Wire, broker: BrokerServer, text: str, streamed: bool) -> None:
    """A20"""

    async def work(_: BrokerServer, call: BrokerCall) -> ToolResult:
        return ToolResult(content=[text_block(call.arguments["q"])])

    broker.work = work
    broker.progress = [(1, text)] if streamed else []
    result = await wire.call(TOOL, {"q": text}, meta={"progressToken": "t"} if streamed else {})
    assert result["content"][0]["text"] == text
    assert broker.calls[0].arguments["q"] == text


async def test_progress_comes_only_to_a_client_that_gave_a_token(wire: Wire, broker: BrokerServer) -> None:
    """A13"""
    broker.progress = [(1, "submitted"), (2, "polling")]
    silent = await wire.modern("tools/call", {"name": TOOL, "arguments": {}})
    assert silent.headers["Content-Type"] == "application/json"
    told = await wire.modern("tools/call", {"name": TOOL, "arguments": {}}, meta={"progressToken": "t-1"})
    assert told.headers["Content-Type"] == "text/event-stream"
    assert [each["params"] for each in told.messages[:-1]] == [
        {"progressToken": "t-1", "progress": 1, "message": "submitted"},
        {"progressToken": "t-1", "progress": 2, "message": "polling"},
    ]
    assert told.result["content"]


async def test_a_client_that_takes_no_streams_gets_one_answer(wire: Wire, broker: BrokerServer) -> None:
    broker.progress = [(1, "submitted")]
    params = {"name": TOOL, "arguments": {}}
    answer = await wire.modern("tools/call", params, meta={"progressToken": 1}, Accept="application/json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.result["content"]


async def test_a_silent_provider_is_no_silent_call(
    wire: Wire, broker: BrokerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "PROGRESS_EVERY_SECONDS", 0.02)
    broker.work = broker.blocked
    body, headers = modern("tools/call", {"name": TOOL, "arguments": {}}, meta={"progressToken": 9})
    given = {"Content-Type": "application/json", "Accept": BOTH, **headers}
    async with wire.http.post(wire.url, data=json.dumps(body), headers=given) as response:
        progress = []
        async for message in events(response):
            if "result" in message:
                break
            progress.append(message["params"]["progress"])
            if len(progress) == 3:
                broker.release.set()
    assert progress == sorted(progress)
    assert len(progress) >= 3
