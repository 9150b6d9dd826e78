"""Linear's catalog, held against the schema that Linear's own SDK is generated from, read off its types."""

import pytest
from graphql import GraphQLSchema

import pipes_catalog
from conformance_support.graphql import graphql_differences
from conformance_support.openapi import NODE_MODULES
from conformance_support.typescript import generated_schema
from pipes_catalog import ToolDefinition

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    (types,) = (NODE_MODULES / "@linear" / "sdk" / "dist").glob("index-*.d.mts")
    return generated_schema(types)


@pytest.mark.parametrize("tool", pipes_catalog.load().tools("linear"), ids=lambda tool: tool.name)
def test_every_document_and_its_variables_are_of_the_schema(tool: ToolDefinition, schema: GraphQLSchema) -> None:
    assert graphql_differences(tool, schema) == []
