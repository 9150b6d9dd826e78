"""Fixed GraphQL documents of a tool, held against the provider's schema, and so are the variables sent with them."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLSchema,
    VariableDefinitionNode,
    get_named_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
    parse,
    type_from_ast,
    validate,
)

from pipes_catalog import ToolDefinition
from pipes_catalog.exchange import Graphql
from pipes_catalog.requests import requests

from .compare import unfitting
from .description import Description, Schema

_SCALARS = {"Int": "integer", "Float": "number", "Boolean": "boolean", "JSONObject": "object"}
"""Every other scalar is text in JSON."""


def graphql_differences(tool: ToolDefinition, schema: GraphQLSchema) -> list[str]:
    """Sentences about what the schema does not have; empty when the tool's documents are good."""
    found = []
    for sent in requests(tool):
        body = sent.request.body
        if body is None or not isinstance(body.graphql, Graphql):
            continue
        place = f"{tool.name}, {'.'.join(map(str, sent.place))}:"
        document = parse(body.graphql.document)
        found += [f"{place} {error.message}" for error in validate(schema, document)]
        description = Description((), _InputTypes(schema))
        (operation,) = (each for each in document.definitions if hasattr(each, "variable_definitions"))
        for each in operation.variable_definitions:
            name = each.variable.name.value
            if name in body.graphql.variables:
                theirs = input_schema(_type_of(schema, each))
                template = body.graphql.variables[name]
                found += [f"{place} {each}" for each in unfitting(template, theirs, name, tool, description)]
    return found


def input_schema(kind: Any) -> Schema:
    """A GraphQL input type as JSON Schema; input objects are references by name."""
    if is_non_null_type(kind):
        return _plain(kind.of_type)
    plain = _plain(kind)
    return {**plain, "nullable": True} if "type" in plain else plain


def _plain(kind: Any) -> Schema:
    if is_list_type(kind):
        return {"type": "array", "items": input_schema(kind.of_type)}
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        return {"$ref": named.name}
    if is_enum_type(named):
        return {"type": "string", "enum": list(named.values)}
    return {"type": _SCALARS.get(named.name, "string")}


class _InputTypes(dict[str, Schema]):
    """Input objects by name, made when they are first asked for: they refer to each other in circles."""

    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self._schema = schema

    def __missing__(self, name: str) -> Schema:
        fields: Mapping[str, Any] = self._schema.type_map[name].fields  # type: ignore[attr-defined]
        self[name] = {
            "type": "object",
            "properties": {each: input_schema(field.type) for each, field in fields.items()},
            "required": [each for each, field in fields.items() if is_required_input_field(field)],
        }
        return self[name]


def _type_of(schema: GraphQLSchema, definition: VariableDefinitionNode) -> Any:
    return type_from_ast(schema, definition.type)
