"""GitHub's catalog, held against GitHub's own OpenAPI description."""

import pytest

import pipes_catalog
from conformance_support.compare import differences
from conformance_support.openapi import NODE_MODULES, openapi
from pipes_catalog import ToolDefinition

pytestmark = pytest.mark.node

DESCRIBED = NODE_MODULES / "@octokit" / "openapi" / "generated" / "api.github.com.json"


@pytest.mark.parametrize("tool", pipes_catalog.load().tools("github"), ids=lambda tool: tool.name)
def test_everything_a_tool_sends_is_described(tool: ToolDefinition) -> None:
    assert differences(tool, openapi(DESCRIBED)) == []
