"""Input schemas: closed at every level, and free where that is said."""

from typing import Any

import pytest

from pipes_catalog.input_rules import compile_schema, input_schema_rules


def rules(argument: Any) -> list[str]:
    described = {**argument, "description": "It."} if isinstance(argument, dict) else argument
    schema = {"type": "object", "additionalProperties": False, "properties": {"a": described}}
    return [f"{'.'.join(map(str, path))}: {rule}" for path, rule in input_schema_rules(schema)]


CLOSED = {"type": "object", "additionalProperties": False, "properties": {"b": {"type": "string"}}}


@pytest.mark.parametrize(
    "argument",
    [
        CLOSED,
        {"type": "array", "items": CLOSED, "maxItems": 5},
        {"type": "array", "items": {"type": "array", "items": {"type": ["string", "number", "null"]}}},
        {"oneOf": [{"type": "string"}, CLOSED]},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
        {**CLOSED, "oneOf": [{"required": ["b"]}, {"required": []}]},
        {"const": "x"},
        {"enum": ["x", 1]},
    ],
)
def test_what_providers_need_is_accepted(argument: Any) -> None:
    assert rules(argument) == []


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ({}, "a: must have one of type"),
        ({"type": "object", "properties": {}}, "a.additionalProperties: must be false"),
        ({"properties": {"b": {"type": "string"}}, "anyOf": []}, "a.additionalProperties"),
        ({**CLOSED, "properties": {"b": {}}}, "a.properties.b: must have one of"),
        ({**CLOSED, "properties": {"b": {"type": "object"}}}, "a.properties.b.additionalProperties"),
        ({"type": "array"}, "a.items: must say"),
        ({"type": "array", "items": {"type": "object"}}, "a.items.additionalProperties"),
        ({"oneOf": [{"type": "object"}, {"type": "string"}]}, "a.oneOf.0.additionalProperties"),
        ({"type": ["object", "null"]}, "a.additionalProperties"),
        ({"$ref": "https://evil.example/schema"}, "must point into the schema itself"),
        ({"type": "string", "pattern": "(a)\\1"}, "is not a JSON Schema"),
    ],
)
def test_nothing_is_open_by_oversight(argument: Any, says: str) -> None:
    assert any(says in rule for rule in rules(argument)), rules(argument)


def test_a_nested_object_refuses_what_nobody_declared() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": CLOSED}}}
    validator = compile_schema(schema)
    assert validator.is_valid({"a": [{"b": "x"}]})
    assert not validator.is_valid({"a": [{"b": "x", "c": 1}]})
