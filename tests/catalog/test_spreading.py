"""Schemas that would make endless work are refused before anything is held against them."""

from typing import Any

import pytest

from pipes_catalog.holding import InputSchema
from pipes_catalog.spreading import TooMuchWork, spread

A, B = {"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}
LIST_OF_A = {"type": "array", "items": A}


def schema(argument: Any, **definitions: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": argument}, "$defs": definitions}


def doubling(keyword: str, levels: int) -> dict[str, Any]:
    """A kilobyte of schema, and two to the power of `levels` for a validator."""
    chain = {f"a{n}": {keyword: [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return schema({"$ref": "#/$defs/a0"}, **chain, **{f"a{levels}": {"type": "string"}})


def unevaluated(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {"properties": {"a": {"type": "integer"}}}
    for _ in range(levels):
        made = {"allOf": [made], "unevaluatedProperties": False}
    return schema(made)


@pytest.mark.parametrize(
    "endless",
    [
        doubling("allOf", 30),
        doubling("anyOf", 30),
        doubling("oneOf", 30),
        unevaluated(20),
        schema(A, a=A),
        schema(A, a={"allOf": [B]}, b={"anyOf": [A, {"type": "null"}]}),
        schema(A, a={"anyOf": [LIST_OF_A, LIST_OF_A]}),
        schema(A, a={"anyOf": [LIST_OF_A, {"type": "array", "prefixItems": [A]}]}),
        schema(A, a={"properties": {"b": B}}, b={"properties": {"b": B, "a": A}}),
        schema({"$ref": "#somewhere"}),
        schema({"$ref": "#/$defs/none"}),
        schema({"$id": "https://x.example/", "$ref": "#/$defs/a"}, a={"type": "string"}),
        schema({"anyOf": [A] * 500}, a={"anyOf": [{"const": n} for n in range(10)]}),
    ],
)
def test_what_has_no_bound_is_no_input_schema(endless: dict[str, Any]) -> None:
    with pytest.raises(TooMuchWork):
        spread(endless)
    with pytest.raises(ValueError):
        InputSchema(endless)


@pytest.mark.parametrize(
    ("bounded", "value"),
    [
        (schema({"type": "string"}), "text"),
        (schema(LIST_OF_A, a={"type": "string", "enum": ["x"]}), ["x"]),
        (schema({"properties": {"one": A, "two": A}}, a={"type": "string"}), {"one": "", "two": ""}),
        # A tree, a JSON value, a filter of `and` and `or`.
        (schema(A, a={"properties": {"below": LIST_OF_A}}), {"below": [{"below": []}]}),
        (schema(A, a={"anyOf": [LIST_OF_A, {"additionalProperties": A}]}), [{"x": [{}]}]),
        (schema(A, a={"anyOf": [{"properties": {"and": LIST_OF_A}}, {"properties": {"or": LIST_OF_A}}]}), {"or": [{}]}),
        (schema({"properties": {"x": {"$ref": "#"}}}), {"x": {"x": {}}}),
    ],
)
def test_references_that_come_to_an_end_are_fine(bounded: dict[str, Any], value: Any) -> None:
    assert spread(bounded) < 100
    assert InputSchema(bounded).problem({"x": value}) is None


def test_a_schema_that_refers_to_itself_is_held_against_deep_values() -> None:
    deep: Any = []
    for _ in range(800):
        deep = [deep]
    found = InputSchema(schema(A, a=LIST_OF_A))
    assert found.problem({"x": deep}) is None
    assert found.problem({"x": [[["no list"]]]}) is not None


def test_a_problem_is_told_with_its_place_unless_there_is_too_much_of_it() -> None:
    numbers = {"type": "array", "items": {"type": "integer"}}
    found = InputSchema(schema({"anyOf": [numbers, {"type": "array", "items": {"type": "null"}}]}))
    small, large, huge = ({"x": ["a"] * number} for number in (2, 80_000, 5_000_000))

    assert (told := found.problem(small)) is not None
    assert told.place == "x"
    assert (told := found.problem(large)) is not None
    assert "too many to say where" in told.message
    assert (told := found.problem(huge)) is not None
    assert "send less" in told.message
