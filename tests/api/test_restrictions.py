"""A restriction that could let something through unseen is refused with its place; what is taken, says no."""

from typing import Any

import pytest

from pipes_api import restrictions
from pipes_api.restrictions import RestrictionInvalid

TOOL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "statement": {"type": "string"},
        "warehouse": {"type": "string"},
        "amount": {"type": "number"},
        "limit": {"type": "integer", "default": 10},
        "tags": {"type": "array", "items": {"type": "string"}},
        "mode": {"enum": ["fast", "slow"]},
        "either": {"type": ["string", "number"]},
        "options": {
            "type": "object",
            "properties": {"folder": {"type": "string"}},
            "additionalProperties": False,
        },
        "fields": {"type": "object", "additionalProperties": True},
        "anything": {},
    },
    "required": ["statement"],
    "additionalProperties": False,
}

WAREHOUSE = {"properties": {"warehouse": {"const": "REPORTING_WH"}}, "required": ["warehouse"]}

TAKEN: list[dict[str, Any]] = [
    WAREHOUSE,
    {"type": "object", **WAREHOUSE},
    {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "t", "description": "d", **WAREHOUSE},
    {"properties": {"amount": {"maximum": 100, "exclusiveMinimum": 0}}},
    {"properties": {"limit": {"minimum": 1, "maximum": 50, "multipleOf": 5}}},
    {"properties": {"warehouse": {"pattern": "^REPORTING_", "maxLength": 40}}},
    {"properties": {"warehouse": {"enum": ["A", "B"]}, "statement": {"format": "uri"}}},
    {"properties": {"tags": {"items": {"enum": ["a"]}, "maxItems": 3, "uniqueItems": True}}},
    {"properties": {"tags": {"contains": {"const": "a"}, "minContains": 1}}},
    {"properties": {"options": {"properties": {"folder": {"const": "f1"}}, "required": ["folder"]}}},
    {"properties": {"fields": {"properties": {"Name": {"type": "string", "maxLength": 9}}}}},
    {"properties": {"fields": {"propertyNames": {"pattern": "^[A-Z]"}, "additionalProperties": {"type": "string"}}}},
    {"properties": {"anything": {"type": "string", "minLength": 1}}},
    {"properties": {"either": {"type": "string", "pattern": "^x"}}},
    {"properties": {"warehouse": False}},
    {"additionalProperties": False, "properties": {"statement": {"minLength": 1}}},
    {"anyOf": [WAREHOUSE, {"required": ["limit"]}], "not": {"required": ["tags"]}},
    {"if": {"required": ["amount"]}, "then": WAREHOUSE},
    {"dependentRequired": {"amount": ["warehouse"]}},
    {"$defs": {"wh": {"const": "W"}}, "properties": {"warehouse": {"$ref": "#/$defs/wh"}}},
]


@pytest.mark.parametrize("schema", TAKEN, ids=repr)
def test_what_can_say_no_is_taken(schema: dict[str, Any]) -> None:
    assert list(restrictions.problems(schema, TOOL)) == []
    assert restrictions.compiled(schema)


def on(argument: str, **schema: Any) -> dict[str, Any]:
    return {"properties": {argument: schema}}


def chain(length: int) -> dict[str, Any]:
    """Definitions that each name the next one twice."""
    doubled = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(length)}
    return {"$defs": {**doubled, f"d{length}": {"required": ["limit"]}}, "$ref": "#/$defs/d0"}


def wide() -> dict[str, Any]:
    """As `chain`, nowhere deep: four levels of eight."""
    levels = {f"w{n}": {"anyOf": [{"$ref": f"#/$defs/w{n + 1}"}] * 8} for n in range(4)}
    return {"$defs": {**levels, "w4": {"required": ["limit"]}}, "$ref": "#/$defs/w0"}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"required": ["limit"]}
    for _ in range(depth):
        schema = {"allOf": [schema]}
    return schema


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("nothing", {}, "", "says nothing"),
    ("only what every call is", {"type": "object"}, "", "says nothing"),
    ("only words", {"description": "warehouse must be W"}, "", "says nothing"),
    ("an empty condition", on("warehouse"), "properties.warehouse", "says nothing"),
    ("a type the tool has anyway", on("warehouse", type="string"), "properties.warehouse", "says nothing"),
    ("no properties", {"properties": {}}, "properties", "says nothing"),
    ("required, but nothing", {"required": []}, "required", "says nothing"),
    ("true", {"properties": {"warehouse": True}}, "properties.warehouse", "says nothing"),
    ("further arguments are fine", {"additionalProperties": True}, "additionalProperties", "says nothing"),
    ("at least nothing", on("warehouse", minLength=0), "properties.warehouse.minLength", "says nothing"),
    ("unique, or not", on("tags", uniqueItems=False), "properties.tags.uniqueItems", "says nothing"),
    ("any number of them", on("tags", contains={"const": "a"}, minContains=0), "properties.tags.minContains", "says"),
    ("a misspelt argument", on("warehose", const="W"), "properties.warehose", "there is no argument 'warehose'"),
    ("a misspelt required one", {"required": ["warehose"]}, "required.0", "there is no argument 'warehose'"),
    (
        "a misspelt one inside",
        on("options", required=["foldr"]),
        "properties.options.required.0",
        "no argument 'foldr'",
    ),
    ("one in a dependency", {"dependentRequired": {"amount": ["x"]}}, "dependentRequired.amount.0", "no argument 'x'"),
    ("an argument that stands too high", {"warehouse": {"const": "W"}}, "warehouse", "is not a keyword"),
    ("a misspelt keyword", on("warehouse", cosnt="W"), "properties.warehouse.cosnt", "is not a keyword"),
    ("a keyword of an older draft", on("limit", divisibleBy=2), "properties.limit.divisibleBy", "is not a keyword"),
    ("a default", on("warehouse", default="W"), "properties.warehouse.default", "is not a keyword"),
    ("a vocabulary", on("warehouse", contentEncoding="base64"), "properties.warehouse.contentEncoding", "is not a key"),
    ("an unknown format", on("warehouse", format="warehouse"), "properties.warehouse.format", "must be one of date"),
    ("a format that says nothing", on("warehouse", format="regex"), "properties.warehouse.format", "must be one of"),
    (
        "a bound for a text",
        on("warehouse", maximum=100),
        "properties.warehouse.maximum",
        "says nothing about string values",
    ),
    (
        "a pattern for a number",
        on("amount", pattern="^1"),
        "properties.amount.pattern",
        "says nothing about number values",
    ),
    (
        "a bound for half of it",
        on("either", maximum=100),
        "properties.either.maximum",
        "says nothing about string values",
    ),
    ("a bound for who knows what", on("anything", maximum=1), "properties.anything.maximum", "add the type (number)"),
    ("a bound for all arguments", {"maximum": 100}, "maximum", "says nothing about object values"),
    ("a value it cannot have", on("amount", const="100"), "properties.amount.const", "can never hold"),
    ("a pattern with look-ahead", on("warehouse", pattern="^(?!X)"), "properties.warehouse.pattern", "RE2 syntax"),
    ("a pattern with a back-reference", on("warehouse", pattern=r"(a)\1"), "properties.warehouse.pattern", "RE2 synt"),
    ("a pattern too large", on("warehouse", pattern="a{1000}{1000}"), "properties.warehouse.pattern", "RE2 syntax"),
    ("a type that is none", on("warehouse", type="text"), "properties.warehouse.type", "is not valid under any"),
    ("a bound that is a text", on("amount", maximum="100"), "properties.amount.maximum", 'is not of type "number"'),
    ("required, in one word", {"required": "warehouse"}, "required", 'is not of type "array"'),
    ("then, but when", {"then": WAREHOUSE}, "then", "means nothing without if"),
    ("if, and what then", {"if": WAREHOUSE}, "if", "means nothing without then or else"),
    ("a remote reference", {"$ref": "https://example.com/schema"}, "", "example.com/schema"),
    ("a file", {"$ref": "file:///etc/passwd"}, "", "passwd"),
    ("a reference into itself", {"$ref": "#"}, "$ref", "must name a schema of $defs"),
    ("a circle", {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "$ref.$ref", "leads back to itself"),
    ("an anchor", {"$anchor": "a", **WAREHOUSE}, "$anchor", "is not a keyword"),
    ("another identity", {"$id": "https://example.com/x", **WAREHOUSE}, "$id", "is not a keyword"),
    ("another dialect", {"$schema": "http://json-schema.org/draft-07/schema#", **WAREHOUSE}, "$schema", "dialect"),
    ("a small text that is a large work", chain(12), "$ref", "holds too many schemas"),
    ("a small text that is wide", wide(), "$ref", "holds too many schemas"),
    ("very deep", nested(40), "allOf.0", "nests them too deeply"),
    ("very large", on("warehouse", enum=["x" * 100] * 200), "", "at most 16384 are allowed"),
    ("a number beyond all bounds", on("amount", maximum=2**60), "", "beyond 2^53"),
]


@pytest.mark.parametrize(("what", "schema", "place", "rule"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_could_never_say_no_is_refused_with_its_place(
    what: str, schema: dict[str, Any], place: str, rule: str
) -> None:
    found = [(restrictions.dotted(where), said) for where, said in restrictions.problems(schema, TOOL)]

    assert any(where.startswith(place) and rule in said for where, said in found), found
    assert all("\n" not in said and len(said) < 400 for _, said in found)


def test_nothing_is_compiled_that_is_no_schema() -> None:
    for schema in ({"type": "text"}, {"format": "warehouse"}, {"$ref": "https://example.com/x"}, {"pattern": "(?=a)"}):
        with pytest.raises(RestrictionInvalid):
            restrictions.compiled(schema)


def test_formats_are_asserted() -> None:
    for name in restrictions.FORMATS:
        assert not restrictions.compiled({"format": name}).is_valid("\x00 x"), name


def test_what_a_call_may_leave_out_is_told() -> None:
    assert restrictions.loose(on("warehouse", const="W"), TOOL) == ("warehouse",)
    assert restrictions.loose(WAREHOUSE, TOOL) == ()
    # The tool wants it anyway, it has a default, it is forbidden.
    for argument, schema in (("statement", {"minLength": 1}), ("limit", {"maximum": 5})):
        assert restrictions.loose(on(argument, **schema), TOOL) == ()
    assert restrictions.loose({"properties": {"warehouse": False}}, TOOL) == ()
