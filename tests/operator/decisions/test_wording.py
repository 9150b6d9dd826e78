"""A restriction in plain words says what the schema says; what has no words is shown as it is."""

from typing import Any

import pytest

from pipes_api.resources import ToolLimits
from pipes_operator.decisions import wording

TOOL: dict[str, Any] = {
    "type": "object",
    "properties": {"warehouse": {"type": "string"}, "amount": {"type": "number"}, "limit": {"default": 5}},
    "required": ["amount"],
}


def said(schema: dict[str, Any]) -> str:
    return wording.restriction("snowflake_query", schema, TOOL)


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        (
            {
                "properties": {"warehouse": {"const": "REPORTING_WH"}, "amount": {"maximum": 100}},
                "required": ["warehouse"],
            },
            "snowflake_query only with warehouse = REPORTING_WH and amount at most 100.",
        ),
        (
            {"properties": {"warehouse": {"const": "REPORTING_WH"}}},
            "snowflake_query only with warehouse = REPORTING_WH (or left out).",
        ),
        ({"properties": {"limit": {"maximum": 5}}}, "snowflake_query only with limit at most 5."),
        ({"required": ["warehouse"]}, "snowflake_query only with warehouse given."),
        (
            {"properties": {"amount": {"minimum": 1, "exclusiveMaximum": 10, "multipleOf": 0.5}}},
            "snowflake_query only with amount at least 1 and less than 10 and a multiple of 0.5.",
        ),
        (
            {"properties": {"warehouse": {"enum": ["A", "B"]}}, "required": ["warehouse"]},
            "snowflake_query only with warehouse one of A, B.",
        ),
        (
            {"properties": {"warehouse": {"pattern": "^REPORTING_[A-Z]+$"}}, "required": ["warehouse"]},
            'snowflake_query only with warehouse of the pattern "^REPORTING_[A-Z]+$".',
        ),
        (
            {"properties": {"warehouse": {"pattern": "REPORTING"}}, "required": ["warehouse"]},
            'snowflake_query only with warehouse that holds the pattern "REPORTING".',
        ),
        (
            {"properties": {"warehouse": {"pattern": "^A|B$"}}, "required": ["warehouse"]},
            'snowflake_query only with warehouse that holds the pattern "^A|B$".',
        ),
        ({"properties": {"warehouse": False}}, "snowflake_query only with no warehouse."),
        (
            {"properties": {"o": {"properties": {"folder": {"const": "f1"}}}}, "required": ["o"]},
            "snowflake_query only with o.folder = f1 (or left out).",
        ),
        (
            {"properties": {"o": {"type": "string", "maxLength": 3}}, "required": ["o"]},
            "snowflake_query only with o of type string and o of at most 3 characters.",
        ),
    ],
)
def test_plain_words(schema: dict[str, Any], sentence: str) -> None:
    assert said(schema) == sentence


@pytest.mark.parametrize(
    "value",
    ["WH and amount at most 1000000", "A, B", 'W"H', "", " ", "x" * 200, ["A"], {"a": 1}, None, True],
)
def test_a_value_cannot_pass_for_part_of_the_sentence(value: Any) -> None:
    import json

    sentence = said({"properties": {"warehouse": {"const": value}}, "required": ["warehouse"]})
    assert sentence == f"snowflake_query only with warehouse = {json.dumps(value, separators=(',', ':'))}."


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"required": ["warehouse"]}, {"required": ["limit"]}]},
        {"not": {"required": ["warehouse"]}},
        {"additionalProperties": False, "properties": {"amount": {"maximum": 1}}},
        {"properties": {"warehouse": {"not": {"const": "X"}}}},
        {"properties": {"tags": {"items": {"const": "a"}}}},
        {"properties": {"warehouse": {"format": "uri"}}},
        {"properties": {"o": {"properties": {"folder": {"anyOf": [{"const": "a"}]}}}}},
        {"minProperties": 2},
    ],
)
def test_what_has_no_words_is_shown_whole(schema: dict[str, Any]) -> None:
    import json

    assert json.dumps(schema, separators=(",", ":")) in said(schema)
    assert "satisfy the JSON Schema" in said(schema)


def test_nothing_in_it_fools_the_eye() -> None:
    sentence = said({"properties": {"warehouse": {"const": "A\u202e\x1b[2J\u3164"}}, "required": ["warehouse"]})
    assert '"A\\u202e\\u001b[2J\\u3164"' in sentence


@pytest.mark.parametrize(
    ("ceilings", "sentence"),
    [
        (ToolLimits(max_calls=1), "At most 1 call of q."),
        (ToolLimits(max_calls=5, calls_per_minute=30), "At most 5 calls of q, and 30 in a minute."),
        (ToolLimits(calls_per_minute=30), "At most 30 calls of q in a minute."),
    ],
)
def test_ceilings_of_a_tool(ceilings: ToolLimits, sentence: str) -> None:
    assert wording.limits("q", ceilings) == sentence
