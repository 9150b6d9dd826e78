"""Gmail's catalog, held against the discovery document of Gmail v1."""

import pytest

import pipes_catalog
from conformance_support.answers import unknown_members
from conformance_support.compare import differences
from conformance_support.discovery import discovery
from conformance_support.scopes import refused_scopes
from pipes_catalog import ToolDefinition

DESCRIBED = discovery("gmail", "v1")
TOOLS = pipes_catalog.load().tools("gmail")


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_everything_a_tool_sends_is_described(tool: ToolDefinition) -> None:
    assert differences(tool, DESCRIBED) == []


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_scope_that_a_tool_is_content_with_is_accepted(tool: ToolDefinition) -> None:
    assert refused_scopes(tool, DESCRIBED) == []


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_what_a_tool_reads_of_answers_is_there(tool: ToolDefinition) -> None:
    assert unknown_members(tool, DESCRIBED) == []
