"""Pages as they are asked for, by each way of paging, until the caller has enough."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
from aiohttp import web

from egress_support import data, told
from pipes_sandbox.call import Call
from scripted import Scripted, scripted, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROWS = {"kind": "rows", "items": "rows", "more": "Ask for fewer."}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scripted]:
    async with scripted(tmp_path_factory.mktemp("acme")) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def acme(shared: Scripted) -> Scripted:
    await shared.world.sandbox.forget_calls()
    return shared


async def queries(acme: Scripted) -> list[dict[str, list[str]]]:
    return [parse_qs(each["query"]) for each in await acme.sent()]


async def test_link_headers_are_followed_by_one_parameter_only(acme: Scripted) -> None:
    def answers(call: Call) -> web.Response:
        page = int(call.query("page", "1"))
        url = f"https://{call.host}/repositories/77/things?page={page + 1}&per_page=1&token=evil"
        headers = {"Link": f'<{url}>; rel="next"'} if page < 3 else {}
        return web.json_response({"rows": [page]}, headers=headers)

    paging = {"link": True, "parameter": "page", "query": {"page": "{page.cursor}"}}
    request = {"method": "GET", "path": "/v1/things", "query": {"per_page": 2}}
    result = await acme.call(tool(request=request, paging=paging, result=ROWS), answers)

    assert data(result)["rows"] == [1, 2, 3]
    assert [each["path"] for each in await acme.sent()] == ["/v1/things"] * 3
    assert (await queries(acme))[2] == {"per_page": ["2"], "page": ["3"]}
    assert "there are more" not in told(result)


async def test_a_link_to_another_host_ends_in_an_error_and_is_not_sent_to(acme: Scripted) -> None:
    headers = {"Link": '<https://evil.acme.example/v1?page=2>; rel="next"'}
    paging = {"link": True, "parameter": "page", "query": {"page": "{page.cursor}"}}
    result = await acme.call(
        tool(paging=paging, result=ROWS), lambda call: web.json_response({"rows": [1]}, headers=headers)
    )

    assert result.is_error
    assert "not followed" in told(result)
    assert len(await acme.sent()) == 1


async def test_counted_pages_go_on_from_where_the_caller_began(acme: Scripted) -> None:
    def answers(call: Call) -> web.Response:
        start = int(call.query("startAt", "0"))
        return web.json_response({"rows": list(range(start, min(start + 2, 7))), "total": 7})

    arguments = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"startAt": {"type": "integer", "minimum": 0, "description": "Where to begin."}},
    }
    request = {"method": "GET", "path": "/v1", "query": {"startAt": "{startAt}"}}
    paging = {"offset": {"total": "total", "start": "{startAt}"}, "query": {"startAt": "{page.offset}"}}
    definition = tool(inputSchema=arguments, request=request, paging=paging, result=ROWS)

    assert data(await acme.call(definition, answers, {"startAt": 2}))["rows"] == [2, 3, 4, 5, 6]
    assert [each.get("startAt") for each in await queries(acme)] == [["2"], ["4"], ["6"]]


async def test_graphql_pages_put_the_cursor_into_the_variables(acme: Scripted) -> None:
    seen: list[Any] = []

    def answers(call: Call) -> web.Response:
        body = json.loads(call.body)
        seen.append(body)
        after = int(body["variables"].get("after") or 0)
        info = {"hasNextPage": after < 4, "endCursor": str(after + 2)}
        return web.json_response({"data": {"things": {"nodes": [after, after + 1], "pageInfo": info}}})

    document = "query Find($after: String) { things(after: $after) { nodes pageInfo { hasNextPage endCursor } } }"
    request = {"method": "POST", "path": "/graphql", "body": {"graphql": {"document": document, "operation": "Find"}}}
    paging = {
        "next": "data.things.pageInfo.endCursor",
        "while": {"value": "data.things.pageInfo.hasNextPage", "equals": True},
        "body": {"variables": {"after": "{page.cursor}"}},
    }
    definition = tool(
        inputSchema={"type": "object", "additionalProperties": False, "properties": {}},
        request=request,
        paging=paging,
        result={**ROWS, "items": "data.things.nodes"},
    )

    assert data(await acme.call(definition, answers))["rows"] == [0, 1, 2, 3, 4, 5]
    assert [each["variables"] for each in seen] == [{}, {"after": "2"}, {"after": "4"}]
    assert all(each["query"] == document and set(each) == {"query", "variables", "operationName"} for each in seen)


async def test_a_cursor_that_never_changes_is_told(acme: Scripted) -> None:
    paging = {"next": "next", "query": {"cursor": "{page.cursor}"}}
    result = await acme.call(
        tool(paging=paging, result=ROWS), lambda call: web.json_response({"rows": [1], "next": "same"})
    )

    assert data(result)["rows"] == [1, 1]
    assert "named the same page twice" in told(result)
