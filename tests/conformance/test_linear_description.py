"""Linear's catalog, held against the schema that Linear's own SDK is generated from, read off its types."""

from importlib.resources import files

import pytest
from graphql import GraphQLSchema, build_schema, is_enum_type, is_scalar_type, is_union_type

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


def test_the_stand_ins_schema_is_a_part_of_it(schema: GraphQLSchema) -> None:
    ours = build_schema((files("pipes_sandbox.providers.linear") / "schema.graphql").read_text(encoding="utf-8"))

    for name, kind in ours.type_map.items():
        if name.startswith("__") or is_scalar_type(kind):
            continue
        theirs = schema.type_map[name]
        assert type(kind) is type(theirs), name
        if is_enum_type(kind):
            assert kind.values.keys() <= theirs.values.keys(), name
        elif not is_union_type(kind):
            assert {each: str(field.type) for each, field in kind.fields.items()}.items() <= {
                each: str(field.type) for each, field in theirs.fields.items()
            }.items(), name
