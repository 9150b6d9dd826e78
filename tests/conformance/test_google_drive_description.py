"""Google Drive's catalog, held against the discovery documents of Drive v3, Sheets v4 and Docs v1."""

import pytest

import pipes_catalog
from conformance_support.answers import unknown_members
from conformance_support.compare import differences
from conformance_support.description import Description
from conformance_support.discovery import discovery
from conformance_support.scopes import refused_scopes
from pipes_catalog import ToolDefinition

DESCRIBED = {
    "": discovery("drive", "v3"),
    "sheets.googleapis.com": discovery("sheets", "v4"),
    "docs.googleapis.com": discovery("docs", "v1"),
}
TOOLS = pipes_catalog.load().tools("google-drive")


def described(tool: ToolDefinition) -> Description:
    assert tool.exchange is not None
    return DESCRIBED[tool.exchange.host]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_everything_a_tool_sends_is_described(tool: ToolDefinition) -> None:
    assert differences(tool, described(tool)) == []


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_scope_that_a_tool_is_content_with_is_accepted(tool: ToolDefinition) -> None:
    assert refused_scopes(tool, described(tool)) == []


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_what_a_tool_reads_of_answers_is_there(tool: ToolDefinition) -> None:
    assert unknown_members(tool, described(tool)) == []
