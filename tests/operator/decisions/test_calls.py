"""An exact call is approved as a text, so the text must have one meaning and be the only way to write it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipes_api import canonical
from pipes_operator.decisions import calls

TOOL = {
    "type": "object",
    "properties": {"statement": {"type": "string"}, "limit": {"type": "integer"}, "data": {}, "ratio": {}},
    "additionalProperties": False,
}


def problem(arguments: str, restriction=None) -> str:
    return calls.problem(arguments, TOOL, restriction)


@pytest.mark.parametrize(
    "arguments",
    [
        "{}",
        '{"limit":10}',
        '{"limit":9007199254740991}',
        '{"ratio":0.1}',
        '{"ratio":1e+21}',
        '{"statement":"четвертинка 数字 é 🧾"}',
        '{"statement":"a\\nb \\u001b \\"c\\" \\\\ /"}',
        '{"data":{"a":null,"b":[true,false,{}]}}',
    ],
)
def test_a_canonical_call_that_the_tool_takes_can_be_approved(arguments: str) -> None:
    assert problem(arguments) == ""


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ('{"limit": 10}', 'not in canonical form (RFC 8785); write: {"limit":10}'),
        ('{"statement":"a","limit":1}', 'write: {"limit":1,"statement":"a"}'),
        ('{"limit":1.0}', 'write: {"limit":1}'),
        ('{"limit":1e1}', 'write: {"limit":10}'),
        ('{"ratio":-0}', 'write: {"ratio":0}'),
        ('{"statement":"\\u0041"}', 'write: {"statement":"A"}'),
        ('{"statement":"\\/"}', 'write: {"statement":"/"}'),
        ('{"limit":1,"limit":2}', "the member 'limit' is there twice"),
        ('{"data":{"a":1,"a":1}}', "the member 'a' is there twice"),
        ('{"limit":1,"\\u006cimit":2}', "the member 'limit' is there twice"),
        ('{"limit":9007199254740992}', "no integers of 2^53 and more"),
        ('{"limit":-9007199254740993}', "no integers of 2^53 and more"),
        ('{"limit":' + "9" * 5000 + "}", "no integers of 2^53 and more"),
        ('{"ratio":1e400}', "no JSON object with a canonical form"),
        ('{"ratio":NaN}', "no JSON object with a canonical form"),
        ('{"ratio":Infinity}', "no JSON object with a canonical form"),
        ('{"statement":"\\ud800"}', "no lone surrogates"),
        ("[1]", "no JSON object"),
        ('"{}"', "no JSON object"),
        ("null", "no JSON object"),
        ("", "no JSON object"),
        ("{", "no JSON object"),
        ("{}x", "no JSON object"),
        ('{"limit":"1"}', "the tool does not take the arguments: limit: "),
        ('{"limt":1}', "the tool does not take the arguments"),
        ('{"data":' + "[" * 3000 + "]" * 3000 + "}", "nest too deeply"),
    ],
)
def test_any_other_is_refused_with_what_to_write(arguments: str, why: str) -> None:
    assert why in problem(arguments)


def test_the_form_that_is_told_can_be_read_by_the_eye() -> None:
    said = problem('{ "statement": "a\u202eb" }')
    assert '{"statement":"a\\u202eb"}' in said
    assert "\u202e" not in said


def test_it_must_satisfy_the_bindings_restriction() -> None:
    restriction = {"properties": {"limit": {"maximum": 5}}, "required": ["limit"]}
    assert problem('{"limit":5}', restriction) == ""
    assert "the binding's restrict does not take the arguments: limit: " in problem('{"limit":6}', restriction)
    assert "the binding's restrict does not take" in problem("{}", restriction)
    assert "cannot be checked" in problem("{}", {"pattern": "(?=x)"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.just("data"), VALUES))
def test_what_is_its_own_canonical_form_is_taken_and_every_other_spelling_is_not(value) -> None:
    text = canonical.dumps(value).decode()
    assert problem(text) == ""
    other = json.dumps(value, indent=1)
    assert other == text or problem(other)
