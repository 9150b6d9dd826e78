"""The catalogs that are shipped, and what every tool of them must be."""

import json
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest

import pipes_catalog
from pipes_catalog import (
    Catalogs,
    DefinitionInvalid,
    NameTooLong,
    ToolAccess,
    ToolDefinition,
    UnknownTool,
    advertised,
    from_wire,
    to_wire,
)
from pipes_catalog.file import schema
from pipes_catalog.input_rules import compile_schema, input_schema_rules

CATALOGS = pipes_catalog.load()
TOOLS = [(provider, tool) for provider in CATALOGS.by_provider for tool in CATALOGS.tools(provider)]


def test_the_published_schema_is_the_one_files_are_held_to() -> None:
    published = Path(pipes_catalog.__file__).with_name("catalog.schema.json")

    assert json.loads(published.read_text()) == schema()
    jsonschema_rs.meta.validate(schema())


def test_the_names_that_others_rely_on_are_there() -> None:
    names = {advertised(provider, tool.name): tool for provider, tool in TOOLS}

    assert {"snowflake_query", "google_drive_search", "salesforce_query", "salesforce_create"} <= names.keys()
    assert "statement" in names["snowflake_query"].input_schema["required"]
    assert names["snowflake_query"].access is ToolAccess.JUDGED
    assert names["salesforce_create"].access is ToolAccess.WRITE


@pytest.mark.parametrize(("provider", "tool"), TOOLS)
def test_every_tool_is_one_that_no_client_drops(provider: str, tool: ToolDefinition) -> None:
    assert list(input_schema_rules(tool.input_schema)) == []
    assert len(tool.description) > 20
    assert "\n" not in tool.description
    assert tool.exchange is not None
    compile_schema(tool.input_schema)


@pytest.mark.parametrize(("provider", "tool"), TOOLS)
def test_a_definition_survives_the_wire(provider: str, tool: ToolDefinition) -> None:
    travelled = json.loads(msgspec.json.encode(to_wire(tool)))

    assert from_wire(tool.hash, travelled) == tool
    assert from_wire(tool.hash, travelled).hash == tool.hash


def test_hashes_are_the_same_in_every_process_and_for_every_order_of_keys() -> None:
    tool = CATALOGS.by_provider["snowflake"].tools["query"]
    turned = json.loads(json.dumps(to_wire(tool), sort_keys=True))

    assert from_wire(tool.hash, turned).hash == tool.hash
    assert pipes_catalog.load().by_provider["snowflake"].tools["query"].hash == tool.hash
    assert len({each.hash for _, each in TOOLS}) == len(TOOLS)


@pytest.mark.parametrize(
    "change",
    [
        {"description": "Something else."},
        {"access": "Read", "judge": None},
        {"title": "x"},
        {"scopes": [["everything"]]},
        {"inputSchema": {"type": "object", "properties": {}, "additionalProperties": False}},
    ],
)
def test_whatever_an_approval_covers_changes_the_hash(change: dict[str, object]) -> None:
    tool = CATALOGS.by_provider["snowflake"].tools["query"]
    changed = {**to_wire(tool), **change}
    with pytest.raises(DefinitionInvalid, match="not the one"):
        from_wire(tool.hash, changed)


def test_a_definition_with_a_field_from_the_future_is_refused() -> None:
    tool = CATALOGS.by_provider["snowflake"].tools["query"]
    with pytest.raises(DefinitionInvalid, match="cannot be read"):
        from_wire(tool.hash, {**to_wire(tool), "undoes": True})


def test_the_host_is_part_of_what_is_approved() -> None:
    tool = CATALOGS.by_provider["snowflake"].tools["query"]
    wire = json.loads(msgspec.json.encode(to_wire(tool)))
    wire["exchange"]["endpoint"]["hosts"].append("*.evil.example")
    with pytest.raises(DefinitionInvalid):
        from_wire(tool.hash, wire)


def test_tools_are_narrowed_by_either_kind_of_name() -> None:
    def names(**options: object) -> list[str]:
        return [each.name for each in CATALOGS.tools("google-drive", binding="my-drive", **options)]  # type: ignore[arg-type]

    assert names(include=["search", "my_drive_read_document"]) == ["search", "read_document"]
    assert "create_folder" not in names(exclude=["my_drive_create_folder"])
    assert names(include=[]) == []
    with pytest.raises(UnknownTool, match="search"):
        names(include=["google_drive_search"])
    with pytest.raises(UnknownTool):
        names(exclude=["nothing"])


def test_an_advertised_name_is_one_that_model_apis_accept() -> None:
    assert advertised("google-drive", "search") == "google_drive_search"
    assert len(advertised("a" * 50, "b" * 13)) == 64
    with pytest.raises(NameTooLong):
        advertised("a" * 60, "search")
    with pytest.raises(NameTooLong):
        advertised("a.b", "search")


def test_an_unknown_catalog_has_no_hosts() -> None:
    assert Catalogs().hosts("snowflake") == ()
    assert CATALOGS.hosts("snowflake") == ("*.snowflakecomputing.com",)
    assert CATALOGS.get("nothing") is None
