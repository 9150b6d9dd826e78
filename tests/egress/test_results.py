"""What of an answer an agent gets: small, decoded, and with what was left out said."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from egress_support import data, told
from pipes_catalog.exchange import Result
from pipes_egress.run.shaping import object_text, shaped
from pipes_sandbox.call import Call
from scripted import Acme, Scripted, scripted, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def acme(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scripted]:
    async with scripted(tmp_path_factory.mktemp("acme")) as started:
        yield started


TWICE = [{"name": "A", "value": 1}, {"name": "A", "value": 2}]


def result(**members: Any) -> Result:
    return msgspec.convert(members, Result)


@pytest.mark.parametrize(
    ("keep", "value", "kept"),
    [
        (
            ["id", "user.login"],
            {"id": 1, "user": {"login": "a", "url": "x"}, "x": 1},
            {"id": 1, "user": {"login": "a"}},
        ),
        (
            ["labels.name"],
            {"labels": [{"name": "a", "x": 1}, {"name": "b"}]},
            {"labels": [{"name": "a"}, {"name": "b"}]},
        ),
        (["user", "user.login"], {"user": {"login": "a", "url": "x"}}, {"user": {"login": "a", "url": "x"}}),
        (["user.login", "user"], {"user": {"login": "a", "url": "x"}}, {"user": {"login": "a", "url": "x"}}),
        (["user.login"], {"user": None}, {"user": None}),
        (["a.b.c"], {"a": [{"b": {"c": 1, "d": 2}}, "x"]}, {"a": [{"b": {"c": 1}}, "x"]}),
        (["@odata.etag", "id"], {"@odata.etag": "e", "id": 1, "x": 2}, {"@odata.etag": "e", "id": 1}),
        (["x"], "text", "text"),
    ],
)
async def test_keep_reaches_into_members_and_lists(keep: list[str], value: Any, kept: Any) -> None:
    assert shaped(value, result(keep=keep)) == kept


async def test_long_texts_are_shortened_and_say_so() -> None:
    assert shaped({"body": "x" * 50, "id": "y" * 5}, result(maxText=10)) == {
        "body": "x" * 10 + "… (cut; 50 characters in all)",
        "id": "y" * 5,
    }


async def test_an_object_over_the_budget_keeps_as_much_as_fits() -> None:
    text, notes = object_text({"a": "x" * 60_000, "b": 1}, result(maxBytes=55_000, more="Ask for less."))

    assert len(text) > 50_000
    assert notes == ["Texts longer than 50,000 characters were shortened. Ask for less."]


@pytest.mark.parametrize(
    ("at", "as_", "into", "record", "made"),
    [
        ("a.b", "base64", "", {"a": {"b": "aGVs\nbG8"}, "c": 1}, {"a": {"b": "hello"}, "c": 1}),
        ("a", "base64", "", {"a": "_-8="}, {"a": "(2 bytes that are no text)"}),
        ("a", "base64", "", {"a": "not base64!"}, {"a": "not base64!"}),
        ("a", "base64", "", {"b": 1}, {"b": 1}),
        ("a", "base64", "text", {"a": "aGVsbG8="}, {"text": "hello"}),
        (
            "p.h",
            "pairs",
            "h",
            {"p": {"h": [{"name": "A", "value": 1}, {"name": "A", "value": 2}], "x": 1}},
            {"p": {"x": 1}, "h": {"A": [1, 2]}},
        ),
        ("h", "pairs", "", {"h": [{"key": "A"}]}, {"h": [{"key": "A"}]}),
        ("rows.1.a", "base64", "", {"rows": [1, {"a": "aGk="}]}, {"rows": [1, {"a": "hi"}]}),
    ],
)
async def test_values_are_decoded_where_they_are(at: str, as_: str, into: str, record: Any, made: Any) -> None:
    before = msgspec.json.encode(record)
    assert shaped(record, result(decode=[{"at": at, "as": as_, "into": into}])) == made
    assert msgspec.json.encode(record) == before


FILES = {
    "kind": "file",
    "offset": "{offset}",
    "content": {"at": "content", "type": "{answer.type}", "name": "{path}"},
    "more": "Go on with offset {next}.",
}
PATH = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "path": {"type": "string", "description": "Which file."},
        "offset": {"type": "integer", "minimum": 0, "default": 0, "description": "Where to begin."},
    },
}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00"


def holding(content: bytes, **more: Any) -> Any:
    return lambda call: web.json_response({"content": base64.encodebytes(content).decode(), **more})


@pytest.mark.parametrize(
    ("path", "content", "kind", "block"),
    [
        ("a.py", "print('ä')\n".encode(), None, {"type": "text", "text": "print('ä')\n"}),
        ("Makefile", b"all:\n\ttrue\n", None, {"type": "text", "text": "all:\n\ttrue\n"}),
        ("empty", b"", None, {"type": "text", "text": ""}),
        ("a.png", PNG, None, {"type": "image", "data": base64.b64encode(PNG).decode(), "mimeType": "image/png"}),
        ("x", PNG, "image/png", {"type": "image", "data": base64.b64encode(PNG).decode(), "mimeType": "image/png"}),
        ("a.mp3", b"\xff\xfb\x90", None, {"type": "audio", "data": "//uQ", "mimeType": "audio/mpeg"}),
    ],
)
async def test_a_file_within_json_is_what_it_is(
    acme: Scripted, path: str, content: bytes, kind: str | None, block: dict[str, Any]
) -> None:
    answers = holding(content, **({"type": kind} if kind else {}))
    found = await acme.call(tool(inputSchema=PATH, result=FILES), answers, {"path": path})
    assert found.content[0] == block


async def test_what_is_neither_text_nor_picture_is_a_resource(acme: Scripted) -> None:
    found = await acme.call(tool(inputSchema=PATH, result=FILES), holding(b"%PDF-1.7"), {"path": "a.pdf"})
    assert found.content[0] == {
        "type": "resource",
        "resource": {
            "uri": "https://api.acme.example/v1/things",
            "mimeType": "application/pdf",
            "blob": base64.b64encode(b"%PDF-1.7").decode(),
        },
    }


async def test_a_long_text_within_json_comes_in_windows(acme: Scripted) -> None:
    definition = tool(inputSchema=PATH, result={**FILES, "maxBytes": 10})
    first = await acme.call(definition, holding(b"0123456789abc"), {"path": "a"})
    second = await acme.call(definition, holding(b"0123456789abc"), {"path": "a", "offset": 10})

    assert first.content[0]["text"] == "0123456789"
    assert "Go on with offset 10." in told(first)
    assert second.content[0]["text"] == "abc"


@pytest.mark.parametrize("answer", [{}, {"content": None}, {"content": {"a": 1}}, {"content": "no base64!"}, [1]])
async def test_an_answer_without_a_file_is_an_error(acme: Scripted, answer: Any) -> None:
    found = await acme.call(tool(inputSchema=PATH, result=FILES), lambda call: web.json_response(answer))
    assert found.is_error
    assert "no file content" in told(found)


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain; charset=iso-8859-1", "grün".encode("latin-1"), "grün"),
        ("text/plain; charset=nonsense", b"plain", "plain"),
        ("application/vnd.acme.raw", "grün".encode(), "grün"),
        ("application/octet-stream", b"just text", "just text"),
    ],
)
async def test_text_is_told_by_type_charset_and_content(
    acme: Scripted, content_type: str, body: bytes, text: str
) -> None:
    def answers(call: Call) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": content_type})

    found = await acme.call(tool(result={"kind": "file"}), answers)
    assert found.content[0] == {"type": "text", "text": text}


DETAILS = {"method": "GET", "path": "/v1/things/{item.id}", "query": {"fields": "name"}}
ROWS: dict[str, Any] = {"kind": "rows", "items": "things", "keep": ["id", "name"], "rows": "{maxRows}"}
MAX = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"maxRows": {"type": "integer", "minimum": 1, "default": 5, "description": "How many."}},
}


def listing(call: Call) -> web.Response:
    if call.path == "/v1/things":
        start = int(call.query("cursor", "0"))
        return web.json_response({"things": [{"id": start + n} for n in range(10)], "next": str(start + 10)})
    number = int(call.path.rpartition("/")[2])
    if number == 3:
        return web.json_response({"message": "gone"}, status=404)
    return web.json_response({"id": number, "name": f"thing {number}", "more": "x"})


async def test_each_row_is_filled_in_and_no_more_than_are_wanted(acme: Scripted) -> None:
    await acme.world.sandbox.forget_calls()
    definition = tool(inputSchema=MAX, details=DETAILS, result=ROWS)
    found = await acme.call(definition, listing, {"maxRows": 3})

    assert data(found)["rows"] == [{"id": n, "name": f"thing {n}"} for n in range(3)]
    assert sorted(each["path"] for each in await acme.sent()) == ["/v1/things", *(f"/v1/things/{n}" for n in range(3))]


async def test_rows_are_filled_in_over_pages_and_one_that_cannot_be_is_told(acme: Scripted) -> None:
    paging = {"next": "next", "query": {"cursor": "{page.cursor}"}}
    definition = tool(inputSchema=MAX, details=DETAILS, result={**ROWS, "more": "Ask for fewer."}, paging=paging)
    found = await acme.call(definition, listing, {"maxRows": 15})

    rows = data(found)["rows"]
    assert [each["id"] for each in rows] == list(range(15))
    assert rows[3] == {"id": 3}
    assert rows[14]["name"] == "thing 14"
    assert "Of 1 rows no more than this could be read" in told(found)
    assert "there are more. Ask for fewer." in told(found)


async def test_details_are_asked_for_under_the_policy_of_the_moment(acme: Scripted) -> None:
    from pipes_api.reasons import Reason
    from pipes_policy.call import Denial

    def answers(call: Call) -> web.Response:
        acme.world.policy.denial = Denial(reason=Reason.SESSION_REVOKED, message="revoked", remedy="Ask.", session="s")
        return listing(call)

    await acme.world.sandbox.forget_calls()
    try:
        found = await acme.call(tool(inputSchema=MAX, details=DETAILS, result=ROWS), answers)
    finally:
        acme.world.policy.denial = None
    assert found.denial is not None
    assert [each["path"] for each in await acme.sent()] == ["/v1/things"]


async def test_many_requests_at_once_renew_a_refused_credential_once(acme: Scripted) -> None:
    def answers(call: Call) -> web.Response:
        answer = listing(call)
        if call.path == "/v1/things":
            Acme.tokens.end(provider="acme")
        return answer

    await acme.world.sandbox.forget_calls()
    found = await acme.call(tool(inputSchema=MAX, details=DETAILS, result=ROWS), answers, {"maxRows": 3})

    assert [each["name"] for each in data(found)["rows"]] == ["thing 0", "thing 1", "thing 2"]
    vends = [each for each in await acme.world.sandbox.calls() if each["path"].endswith("/credentials")]
    assert len(vends) == 1
