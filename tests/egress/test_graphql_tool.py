"""A tool that takes GraphQL documents: under a Read grant nothing but proven queries, and what was judged is sent."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from pipes_api.reasons import Reason
from pipes_api.resources import Access
from scripted import Scripted, scripted, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parents[1] / "data").glob("graphql_*.json"))
}
GRAPHQL = tool(
    name="graphql",
    access="Judged",
    judge={"language": "graphql", "argument": "query", "operation": "operationName"},
    inputSchema={
        "type": "object",
        "additionalProperties": False,
        "required": ["query"],
        "properties": {
            "query": {"type": "string", "description": "The document."},
            "operationName": {"type": "string", "description": "Which operation."},
            "variables": {"type": "object", "additionalProperties": True, "description": "Its variables."},
        },
    },
    request={
        "method": "POST",
        "path": "/graphql",
        "body": {
            "json": {"query": "{query}", "variables": "{variables}", "operationName": "{operationName}"},
        },
    },
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def acme(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scripted]:
    async with scripted(tmp_path_factory.mktemp("graphql")) as made:
        yield made


async def _called(acme: Scripted, name: str, *, write: bool) -> tuple[Any, list[dict[str, Any]], dict[str, Any]]:
    described = CASES[name]
    await acme.world.sandbox.forget_calls()
    acme.world.policy.write = write
    result = await acme.call(GRAPHQL, lambda _: web.json_response({"data": {"ok": True}}), described["arguments"])
    return result, await acme.sent(), described


@pytest.mark.parametrize("case", CASES)
async def test_under_read_only_a_proven_query_is_sent(acme: Scripted, case: str) -> None:
    result, sent, described = await _called(acme, case, write=False)

    if described["expect"] == "read":
        assert not result.is_error, result.content
        assert len(sent) == 1
    else:
        assert result.is_error
        assert sent == []


@pytest.mark.parametrize("case", CASES)
async def test_under_write_what_can_be_told_is_sent_as_it_was_judged(acme: Scripted, case: str) -> None:
    result, sent, described = await _called(acme, case, write=True)

    if described["expect"] in ("read", "write"):
        assert not result.is_error, result.content
        assert result.access is (Access.READ if described["expect"] == "read" else Access.WRITE)
        (one,) = sent
        assert json.loads(one["body"]) == described["arguments"]
    elif described["expect"] == "invalid":
        assert result.is_error
        assert sent == []
    else:
        assert result.access in (Access.WRITE, None)
        assert all("extensions" not in json.loads(each["body"]) for each in sent)


async def test_a_mutation_under_read_is_denied_as_a_write(acme: Scripted) -> None:
    result, _, _ = await _called(acme, "graphql_03_plain_mutation", write=False)

    assert result.denial is not None
    assert result.denial.reason is Reason.WRITE_NOT_ALLOWED
