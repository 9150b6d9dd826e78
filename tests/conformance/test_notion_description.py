"""Notion's catalog, held against the description that Notion ships with its own MCP server.

That description is not quite current, so names are held against what Notion's own client library sends as well. Notion
has no scopes; there are none to compare.
"""

import re
from collections.abc import Iterator

import pytest

import pipes_catalog
from conformance_support.compare import differences
from conformance_support.openapi import NODE_MODULES, openapi
from pipes_catalog import ToolDefinition
from pipes_catalog.requests import Sent, requests

NOTION = NODE_MODULES / "@notionhq"
DESCRIBED = NOTION / "notion-mcp-server" / "scripts" / "notion-openapi.json"
TYPES = NOTION / "client" / "build" / "src" / "api-endpoints"
TOOLS = pipes_catalog.load().tools("notion")

NEWER = ("markdown", "data_source_id")
"""Members of `POST /v1/pages` that the description lacks: it still has `database_id`. The client library has them."""

ENDPOINT = re.compile(
    r"""method: "(?P<method>\w+)",\s+pathParams: \[.*?\],\s+queryParams: \[(?P<query>.*?)\],\s+"""
    r"""bodyParams: \[(?P<body>.*?)\],\s+path: \(.*?\) => [`"](?P<path>.*?)[`"]""",
    re.DOTALL,
)

pytestmark = pytest.mark.node


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_everything_a_tool_sends_is_described(tool: ToolDefinition) -> None:
    assert differences(tool, openapi(DESCRIBED), undescribed=NEWER) == []


def client_endpoints() -> Iterator[tuple[str, str, set[str], set[str]]]:
    """Method, path with `{}` for each parameter, names of the query and of the body, as the library has them."""
    for file in sorted(TYPES.glob("*.js")):
        for found in ENDPOINT.finditer(file.read_text()):
            path = "/v1/" + re.sub(r"\$\{.*?\}", "{}", found["path"])
            names = [set(re.findall(r'"(\w+)"', found[kind])) for kind in ("query", "body")]
            yield found["method"].upper(), path, *names


def top_level(sent: Sent) -> set[str]:
    body = sent.request.body
    return set(body.json) if body is not None and isinstance(body.json, dict) else set()


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_everything_a_tool_sends_is_sent_by_notions_own_library(tool: ToolDefinition) -> None:
    known = {(method, path): (query, body) for method, path, query, body in client_endpoints()}
    for sent in requests(tool):
        query, body = known[sent.request.method, re.sub(r"\{.*?\}", "{}", sent.request.path)]
        assert sent.query.keys() <= query
        assert top_level(sent) <= body


def test_a_data_source_is_a_parent_for_notions_own_library() -> None:
    (parents,) = re.findall(
        r"type CreatePageBodyParameters = \{\s+parent\?: (.*?);\n    properties",
        (TYPES / "pages.d.ts").read_text(),
        re.DOTALL,
    )
    assert 'data_source_id: IdRequest;\n        type?: "data_source_id";' in parents


def test_the_version_is_one_that_has_markdown() -> None:
    operation = openapi(DESCRIBED).find("GET", "/v1/pages/{id}/markdown")
    assert operation is not None
    (described,) = operation.named("header").values()
    for tool in TOOLS:
        assert tool.exchange is not None
        assert tool.exchange.headers == {described.name: described.schema["default"]}


def test_reads_are_those_calls_that_change_nothing() -> None:
    reads = {
        f"{sent.request.method} {sent.request.path}"
        for tool in TOOLS
        if tool.access == "Read"
        for sent in requests(tool)
    }
    assert {each for each in reads if not each.startswith("GET ")} == {
        "POST /v1/search",
        "POST /v1/data_sources/{dataSourceId}/query",
    }
