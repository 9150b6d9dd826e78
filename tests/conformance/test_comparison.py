"""What conformance tests rest on: whatever a tool sends beside its provider's description is found."""

from typing import Any

import msgspec
import pytest
from graphql import build_schema

from conformance_support.compare import differences
from conformance_support.graphql import graphql_differences
from conformance_support.openapi import openapi
from conformance_support.typescript import sdl
from pipes_catalog import ToolDefinition

DESCRIBED = {
    "openapi": "3.0.3",
    "paths": {
        "/things/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {
                "parameters": [
                    {"name": "view", "in": "query", "required": True, "schema": {"enum": ["short", "long"]}},
                    {"name": "size", "in": "query", "schema": {"type": "integer", "maximum": 100}},
                    {"name": "fields", "in": "query", "schema": {"type": "array", "items": {"enum": ["a", "b"]}}},
                ]
            },
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
            },
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 10},
                    "tags": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}},
                    "kind": {
                        "oneOf": [{"type": "integer"}, {"type": "object", "properties": {"id": {"type": "integer"}}}]
                    },
                },
            },
            "Tag": {"type": "object", "properties": {"label": {"type": "string"}}},
        }
    },
}
PROPERTIES = {
    "id": {"type": "integer"},
    "word": {"type": "string", "maxLength": 10},
    "count": {"type": "integer", "maximum": 100},
    "views": {"type": "string", "enum": ["short", "long"]},
    "labels": {"type": "array", "items": {"type": "string"}},
}


def tool(request: dict[str, Any], required: tuple[str, ...] = ("id", "word", "views", "labels")) -> ToolDefinition:
    exchange = {"title": "T", "endpoint": {"hosts": ["a.example"], "url": "https://a.example"}, "request": request}
    schema = {"type": "object", "properties": PROPERTIES, "required": list(required)}
    known = {
        "name": "t",
        "title": "T",
        "description": "T",
        "access": "Write",
        "inputSchema": schema,
        "exchange": exchange,
    }
    return msgspec.convert(known, ToolDefinition)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("described") / "api.json"
    path.write_bytes(msgspec.json.encode(DESCRIBED))
    return openapi(path)


def get(**query: Any) -> dict[str, Any]:
    return {"method": "GET", "path": "/things/{id}", "query": {"view": "{views}", **query}}


def post(**body: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/things/{id}", "body": {"json": {"name": "{word}", **body}}}


@pytest.mark.parametrize(
    "request_",
    [
        get(),
        get(size="{count}"),
        get(size=100, view="long", fields="a,b"),
        get(fields=["a", "b"]),
        post(kind="{count}"),
        post(kind={"id": "{count}"}, tags=[{"label": "{word}"}]),
        post(tags={"$each": "{labels}", "$value": {"label": "{item}"}}),
        post(name={"$cases": [{"when": {"value": "word", "present": True}, "value": "{word}"}, {"value": "none"}]}),
    ],
)
def test_what_is_described_is_no_difference(described: Any, request_: dict[str, Any]) -> None:
    assert differences(tool(request_), described) == []


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"method": "GET", "path": "/thing/{id}"}, "is not described"),
        ({"method": "PUT", "path": "/things/{id}"}, "is not described"),
        ({"method": "GET", "path": "/things/{word}", "query": {"view": "long"}}, "is string, described as integer"),
        ({"method": "GET", "path": "/things/{id}"}, "view may be left out, described as required"),
        (get(sizes=1), "sizes is not described"),
        (get(view="middle"), "may be ['middle']"),
        (get(view="{word}"), "may be anything"),
        (get(size="{id}"), "has no maximum"),
        (get(size=101), "has the maximum 101"),
        (get(fields="a,c"), "may be ['c']"),
        (post(name="{labels}"), "is array, described as string"),
        (post(nam="x"), "nam is not described"),
        (post(name={"$cases": [{"when": {"value": "count", "present": True}, "value": "x"}]}), "may be left out"),
        (post(name="x" * 11), "has the maxLength 11"),
        (post(kind={"key": "{count}"}), "key is not described"),
        (post(kind="{word}"), "is string"),
        (post(tags="{labels}"), "entry is string, described as object"),
        (post(tags={"$each": "{labels}", "$value": {"labl": "{item}"}}), "labl is not described"),
    ],
)
def test_everything_else_is(described: Any, request_: dict[str, Any], said: str) -> None:
    (found,) = differences(tool(request_), described)
    assert said in found


def test_an_argument_that_need_not_be_given_is_not_always_sent(described: Any) -> None:
    (found,) = differences(tool(get(), required=("id",)), described)
    assert "view may be left out" in found


TYPES = """
type Maybe<T> = T | null;
type Scalars = {
  String: string;
  Moment: Date;
};
/** A thing. */
type Thing = Node & {
  __typename?: "Thing";
  id: Scalars["String"];
  /** When. */
  at?: Maybe<Scalars["Moment"]>;
  parts: Array<Thing>;
  either?: Maybe<Either>;
};
type Node = {
  id: Scalars["String"];
};
type Either = Thing | Other;
type Other = {
  __typename?: "Other";
  id: Scalars["String"];
};
type Unreached = {
  __typename?: "Unreached";
  broken$: Nothing;
};
declare enum Order {
  UpwardS = "up",
  Downwards = "down",
}
type ThingFilter = {
  id?: InputMaybe<Array<Scalars["String"]>>;
  order: Order;
};
type Query = {
  __typename?: "Query";
  things: Array<Thing>;
};
type QueryThingsArgs = {
  filter?: InputMaybe<ThingFilter>;
};
type Mutation = {
  __typename?: "Mutation";
  forget: Scalars["String"];
};
"""


def graphql(document: str, **variables: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/graphql", "body": {"graphql": {"document": document, "variables": variables}}}


ASK = "query q($filter: ThingFilter) { things(filter: $filter) { id at parts { id } either { ... on Other { id } } } }"


def test_a_schema_is_read_off_the_types_generated_from_it() -> None:
    schema = build_schema(sdl(TYPES))

    assert str(schema.type_map["Thing"].fields["parts"].type) == "[Thing!]!"  # type: ignore[attr-defined]
    assert str(schema.type_map["ThingFilter"].fields["id"].type) == "[String!]"  # type: ignore[attr-defined]
    assert "Unreached" not in schema.type_map
    assert graphql_differences(tool(graphql(ASK, filter={"id": "{labels}", "order": "up"})), schema) == []


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (graphql(ASK.replace(" at ", " att "), filter={"order": "up"}), "Cannot query field 'att'"),
        (graphql(ASK, filter={"order": "Upwards"}), "may be ['Upwards']"),
        (graphql(ASK, filter={"id": "{labels}"}), "filter.order may be left out"),
        (graphql(ASK, filter={"id": "{word}", "order": "up"}), "is string, described as array or null"),
        (graphql(ASK, filter={"ids": "{labels}", "order": "up"}), "filter.ids is not described"),
    ],
)
def test_what_a_schema_has_not_is_found(request_: dict[str, Any], said: str) -> None:
    (found,) = graphql_differences(tool(request_), build_schema(sdl(TYPES)))
    assert said in found
