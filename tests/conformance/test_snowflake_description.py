"""Snowflake's catalog, held against recorded facts: the SQL API's own description is on no package registry.

The facts are those of Snowflake's published specification of the SQL API (`sqlapi.yaml`, statements).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import pipes_catalog
from pipes_catalog import ToolDefinition
from pipes_catalog.exchange import Request
from pipes_catalog.references import whole
from pipes_catalog.requests import requests

TOOLS = pipes_catalog.load().tools("snowflake")

QUERIES: Mapping[tuple[str, str], Mapping[str, type]] = {
    ("POST", "/api/v2/statements"): {"requestId": str, "async": bool, "nullable": bool, "retry": bool},
    ("GET", "/api/v2/statements/{}"): {"requestId": str, "partition": int},
    ("POST", "/api/v2/statements/{}/cancel"): {"requestId": str},
}
"""The query parameters of each operation."""

BODY = {
    **{"statement": str, "timeout": int, "database": str, "schema": str, "warehouse": str, "role": str},
    **{"bindings": dict, "parameters": dict},
}
PARAMETERS = {
    *("timezone", "query_tag", "binary_output_format", "date_output_format", "time_output_format"),
    *("timestamp_output_format", "timestamp_ltz_output_format", "timestamp_ntz_output_format"),
    *("timestamp_tz_output_format", "multi_statement_count", "rows_per_resultset", "use_cached_result"),
    "client_result_chunk_size",
}
CODES_OF_AUTHENTICATION = {"OAUTH", "KEYPAIR_JWT", "PROGRAMMATIC_ACCESS_TOKEN"}


def sent() -> Iterator[tuple[str, ToolDefinition, Request, tuple[str, str], Mapping[str, Any]]]:
    for tool in TOOLS:
        for each in requests(tool):
            path = "/".join("{}" if part.startswith("{") else part for part in each.request.path.split("/"))
            place = f"{tool.name} {'.'.join(map(str, each.place))}"
            yield place, tool, each.request, (each.request.method, path), each.query


SENT = list(sent())


@pytest.mark.parametrize(("operation", "query"), [row[3:] for row in SENT], ids=[row[0] for row in SENT])
def test_operations_and_their_parameters_are_snowflakes(operation: tuple[str, str], query: Mapping[str, Any]) -> None:
    for name, template in query.items():
        kind = QUERIES[operation][name]
        if kind is bool:
            assert template in ("true", "false")


@pytest.mark.parametrize(
    ("tool", "request_"),
    [row[1:3] for row in SENT if row[2].body is not None],
    ids=[row[0] for row in SENT if row[2].body is not None],
)
def test_a_statement_is_sent_as_snowflake_takes_it(tool: ToolDefinition, request_: Request) -> None:
    body = request_.body.json if request_.body is not None else {}
    arguments = tool.input_schema["properties"]

    assert "statement" in body
    assert body["parameters"].keys() <= PARAMETERS
    assert body["parameters"]["multi_statement_count"] == 1
    for name, template in body.items():
        kind = BODY[name]
        reference = whole(template) if isinstance(template, str) else None
        if reference is not None and reference.argument:
            assert arguments[reference.argument]["type"] == {str: "string", int: "integer"}[kind]
        elif reference is None and not isinstance(template, dict):
            assert isinstance(template, kind)


def test_a_job_is_polled_and_cancelled_by_its_handle() -> None:
    for tool in TOOLS:
        assert tool.exchange is not None
        job = tool.exchange.job
        assert job is not None
        assert job.running == (202,)
        assert job.handle == "statementHandle"
        assert job.cancel is not None


def test_the_kind_of_the_token_is_told_in_snowflakes_words() -> None:
    (exchange, *_) = (tool.exchange for tool in TOOLS)
    assert exchange is not None
    told = {each["X-Snowflake-Authorization-Token-Type"] for each in exchange.credential.by_method.values()}

    assert told <= CODES_OF_AUTHENTICATION
