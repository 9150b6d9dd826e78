"""Odd and hostile messages from public reports: each gets the status and code that the specification says."""

import asyncio
import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.broker_server import BrokerServer
from gateway.waiting import until_decided
from gateway.wire import Answer, Wire, messages_of
from live import things
from live.session_service import SessionServiceServer
from pipes_gateway.app import Gateway

DATA = Path(__file__).parent.parent / "data" / "jsonrpc"
CASES = {file.stem[8:]: json.loads(file.read_text(encoding="utf-8")) for file in sorted(DATA.glob("jsonrpc_*.json"))}
READ, WRITE = "snowflake_query", "salesforce_create"
NAMES = {"TOOL_READ": READ, "TOOL_WRITE": WRITE, "TOOL_SQL": READ, "tool_read": READ.upper()}


def substitute(text: str, session: str) -> str:
    if text.startswith("=?base64?") and text.endswith("?="):
        try:
            inner = substitute(base64.b64decode(text[9:-2]).decode(), session)
            return f"=?base64?{base64.b64encode(inner.encode()).decode()}?="
        except ValueError:
            return text
    for name, value in NAMES.items():
        text = text.replace(name, value)
    return text.replace("{{SESSION}}", session or "none")


def body_of(body: Any, session: str) -> bytes | None:
    if body is None:
        return None
    if isinstance(body, dict) and "base64" in body:
        return base64.b64decode(body["base64"])
    if isinstance(body, dict) and "generate" in body:
        return gzip.compress(bytes(200_000_000), compresslevel=1)
    return substitute(body if isinstance(body, str) else json.dumps(body), session).encode()


async def send(case: dict[str, Any], port: int, session: str) -> Answer:
    """The request as it is written, byte for byte: no client library puts its own headers or order in."""
    if case.get("raw_http"):
        sent = case["raw_http"].encode("latin-1")
    else:
        headers = case["headers"] or {}
        pairs = [tuple(pair) for pair in headers] if isinstance(headers, list) else list(headers.items())
        body = body_of(case["body"], session)
        if not any(name.lower() == "host" for name, _ in pairs):
            pairs.append(("Host", f"127.0.0.1:{port}"))
        if body is not None:
            pairs.append(("Content-Length", str(len(body))))
        lines = [f"{case['http_method']} /mcp HTTP/1.1", "Connection: close"]
        lines += [f"{name}: {substitute(value, session)}" for name, value in pairs]
        sent = "\r\n".join([*lines, "", ""]).encode() + (body or b"")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(10):
            raw = await reader.read()
    finally:
        writer.close()
    head, _, text = raw.decode().partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    found = dict(line.split(": ", 1) for line in lines)
    return Answer(int(status.split(" ")[1]), found, text)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_message(
    case: dict[str, Any], gateway: Gateway, service: SessionServiceServer, broker: BrokerServer, wire: Wire
) -> None:
    service.put(things.session())
    await until_decided(gateway, READ, None)
    session = ""
    if case["setup"] == "legacy_session":
        session = (await wire.initialize())["Mcp-Session-Id"]

    answer = await send(case, gateway.mcp_port, session)

    assert answer.status in case["expect_status"], f"{case['why']}: {answer.text}"
    if answer.code is not None and "expect_error_code" in case:
        assert answer.code in case["expect_error_code"], f"{case['why']}: {answer.text}"
    if answer.status >= 400:
        assert "access-control-allow-origin" not in {name.lower() for name in answer.headers}
    await _says(case, answer)
    refused = answer.status != 200 or "isError" in answer.text
    assert not (refused and broker.calls), "a refused call reached the provider"
    good = await wire.modern("tools/list")
    assert good.status == 200


async def _says(case: dict[str, Any], answer: Answer) -> None:
    """What the lines of a case under `also` say, as far as one answer shows it."""
    for line in case["also"]:
        match line:
            case "result.resultType=complete":
                assert answer.result["resultType"] == "complete"
            case "result.cacheScope=private":
                assert answer.result["cacheScope"] == "private"
            case "same id echoed" | "body is a JSON-RPC error with the id":
                assert answer.body["id"] == case["body"]["id"]
            case 'id echoed as "1"':
                assert answer.body["id"] == "1"
            case "id echoed as 0":
                assert answer.body["id"] == 0
            case "error id is null":
                assert answer.body["id"] is None
            case "result.protocolVersion=2025-11-25":
                assert answer.result["protocolVersion"] == "2025-11-25"
            case "error.data.supported lists versions":
                assert "2026-07-28" in answer.body["error"]["data"]["supported"]
            case "Allow header":
                assert "POST" in answer.headers["Allow"]
            case "WWW-Authenticate with error=invalid_token":
                assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
            case "not 202":
                assert answer.status != 202
            case _:
                pass


def test_event_streams_are_read_as_such() -> None:
    assert messages_of("text/event-stream", 'event: message\ndata: {"a":1}\n\n') == [{"a": 1}]
