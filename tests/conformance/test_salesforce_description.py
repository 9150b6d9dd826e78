"""Salesforce's catalog, held against recorded facts: there is no description of its REST API to be had.

The facts are from Salesforce's REST API Developer Guide (Query, Search, Parameterized Search, sObject Describe, sObject
Rows, sObject Relationships, sObject Rows by External ID).
"""

from dataclasses import dataclass, field

import pytest

import pipes_catalog
from pipes_catalog import ToolDefinition
from pipes_catalog.requests import requests
from pipes_sandbox.providers.salesforce import describe, schema

TOOLS = pipes_catalog.load().tools("salesforce")
BASE = "/services/data/v66.0"


@dataclass(frozen=True)
class Known:
    """What a resource takes: the query parameters there are, those it needs, members of a JSON body."""

    query: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    body: frozenset[str] | None = None
    """None: it takes none; empty: any, since they are the fields of a record."""
    writes: bool = field(default=False)


FIELDS_OF_A_RECORD = frozenset[str]()
RESOURCES = {
    ("GET", "/query"): Known(frozenset({"q"}), frozenset({"q"})),
    ("GET", "/query/{}"): Known(),
    ("GET", "/search"): Known(frozenset({"q"}), frozenset({"q"})),
    ("POST", "/parameterizedSearch"): Known(
        body=frozenset(
            {
                *("q", "fields", "sobjects", "in", "overallLimit", "defaultLimit", "offset", "netWorkIds"),
                *("dataCategories", "metadata", "pricebookId", "snippet", "spellCorrection", "updateTracking"),
                *("updateViewStat",),
            }
        )
    ),
    ("GET", "/sobjects"): Known(),
    ("GET", "/sobjects/{}/describe"): Known(),
    ("GET", "/sobjects/{}/{}"): Known(frozenset({"fields"})),
    ("GET", "/sobjects/{}/{}/{}"): Known(frozenset({"fields"})),
    ("POST", "/sobjects/{}"): Known(body=FIELDS_OF_A_RECORD, writes=True),
    ("PATCH", "/sobjects/{}/{}"): Known(body=FIELDS_OF_A_RECORD, writes=True),
    ("PATCH", "/sobjects/{}/{}/{}"): Known(frozenset({"updateOnly"}), body=FIELDS_OF_A_RECORD, writes=True),
    ("DELETE", "/sobjects/{}/{}"): Known(writes=True),
}
IN_OBJECTS = {"name", "fields", "limit", "where", "orderBy"}
"""Members of an entry of `sobjects`."""


def shape(path: str) -> str:
    assert path.startswith(BASE), "one version everywhere: locators belong to the version that made them"
    parts = path.removeprefix(BASE).split("/")
    return "/".join("{}" if part.startswith("{") else part for part in parts)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_everything_a_tool_sends_is_known(tool: ToolDefinition) -> None:
    for sent in requests(tool):
        known = RESOURCES[sent.request.method, shape(sent.request.path)]
        assert known.needed <= sent.query.keys() <= known.query
        body = sent.request.body
        assert (body is None) == (known.body is None)
        if body is not None and known.body:
            assert isinstance(body.json, dict)
            assert body.json.keys() <= known.body
        if body is not None and known.body == FIELDS_OF_A_RECORD:
            assert body.json == "{fields}"
        if known.writes:
            assert tool.access == "Write"


def test_what_is_searched_is_told_as_salesforce_reads_it() -> None:
    (search,) = (tool for tool in TOOLS if tool.name == "search")
    properties = search.input_schema["properties"]

    assert properties["objects"]["items"]["properties"].keys() <= IN_OBJECTS
    assert set(properties["in"]["enum"]) <= {"ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR"}
    assert properties["maxRows"]["maximum"] == 2000
    assert properties["words"]["minLength"] == 2


def test_only_what_is_idempotent_is_sent_again() -> None:
    again = {
        (sent.request.method, shape(sent.request.path))
        for tool in TOOLS
        for sent in requests(tool)
        if sent.request.method != "GET" and sent.request.repeatable(reads=tool.access == "Read")
    }

    assert again == {("POST", "/parameterizedSearch"), ("PATCH", "/sobjects/{}/{}/{}")}


def test_what_is_kept_of_descriptions_is_in_them() -> None:
    described = describe.full(schema.OBJECTS["Account"], BASE)
    for name, rows in (("describe_object", "fields"), ("list_relationships", "childRelationships")):
        (tool,) = (each for each in TOOLS if each.name == name)
        assert tool.exchange is not None
        assert tool.exchange.result.items == rows
        assert set(tool.exchange.result.keep) <= described[rows][0].keys()
