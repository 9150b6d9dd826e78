"""Operators and filters of templates: what they make, and that values stay values."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipes_catalog.exchange import Body, Graphql, Request
from pipes_egress.mapping.build import build
from pipes_egress.mapping.scope import ABSENT, Scope
from pipes_egress.mapping.templates import evaluate
from pipes_egress.problems import ArgumentRefused


def made(template: Any, **arguments: Any) -> Any:
    return evaluate(template, Scope(arguments=arguments))


def test_each_makes_an_entry_of_every_entry() -> None:
    attendees = {"$each": "{people}", "$value": {"email": "{item.address}", "optional": "{item.optional}"}}

    assert made(attendees, people=[{"address": "a@x.example", "optional": True}, {"address": "b@x.example"}]) == [
        {"email": "a@x.example", "optional": True},
        {"email": "b@x.example"},
    ]
    assert made({"$each": "{ids}", "$value": "{item}"}, ids=[1, None, "x"]) == [1, None, "x"]
    assert made({"$each": "{ids}", "$value": {"id": "{item}"}}, ids=[]) == []
    assert made({"$each": "{ids}", "$value": {"id": "{item}"}}) is ABSENT
    with pytest.raises(ArgumentRefused, match="ids must be a list"):
        made({"$each": "{ids}", "$value": "{item}"}, ids="abc")


def test_an_entry_of_an_inner_list_hides_that_of_the_outer() -> None:
    template = {"$each": "{rows}", "$value": {"$each": "{item.cells}", "$value": "{item}!"}}
    assert made(template, rows=[{"cells": ["a", "b"]}, {"cells": []}]) == [["a!", "b!"], []]


def test_conditions_reach_into_the_entry() -> None:
    timed = {"when": {"value": "item", "contains": "T"}, "value": {"dateTime": "{item}"}}
    template = {"$each": "{values}", "$value": {"$cases": [timed, {"value": {"date": "{item}"}}]}}
    assert made(template, values=["2026-01-31", "2026-01-31T10:00:00Z"]) == [
        {"date": "2026-01-31"},
        {"dateTime": "2026-01-31T10:00:00Z"},
    ]


def test_a_case_without_a_value_makes_nothing() -> None:
    template = {
        "start": {"$cases": [{"when": {"value": "t", "present": False}}, {"value": {"at": "{t}", "date": None}}]}
    }
    assert made(template) == {}
    assert made(template, t="x") == {"start": {"at": "x", "date": None}}


@given(st.text(), st.integers(2, 50))
def test_chunks_join_up_and_none_is_too_long(text: str, size: int) -> None:
    chunks = made({"$chunks": "{t}", "$size": size}, t=text)

    assert "".join(chunks) == text
    assert all(0 < sum(1 + (each > "\uffff") for each in chunk) <= size for chunk in chunks)


def test_text_is_split_into_parts_that_are_not_empty() -> None:
    assert made({"$split": "{t}", "$by": "\n\n"}, t="a\n\nb\nc\n\n\n\n") == ["a", "b\nc"]
    assert made({"$split": "{t}", "$by": "\n"}) is ABSENT


@given(st.text())
def test_base64_is_of_the_texts_utf8(text: str) -> None:
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        with pytest.raises(ArgumentRefused):
            made("{t|base64}", t=text)
        return
    assert base64.b64decode(made("{t|base64}", t=text)) == encoded
    assert base64.urlsafe_b64decode(made("{t|base64url}", t=text)) == encoded
    assert not set(made("{t|base64url}", t=text)) & set("+/")


def test_a_graphql_body_is_the_document_the_variables_and_no_more() -> None:
    document = "query Find($q: String) { things(term: $q) { id {q} } }"
    graphql = Graphql(document=document, variables={"q": "{q}", "first": "{n}", "after": "{x}"}, operation="Find")
    request = Request(method="POST", path="/graphql", body=Body(graphql=graphql))
    scope = Scope(arguments={"q": 'x") { id } } mutation { a', "n": 5}, spaces={"page": {"cursor": "c"}})

    first = build(request, scope)
    assert first.headers["Content-Type"] == "application/json"
    assert msgspec.json.decode(first.body or b"") == {
        "query": document,
        "variables": {"q": 'x") { id } } mutation { a', "first": 5},
        "operationName": "Find",
    }
    second = build(
        request, scope, body={"variables": {"after": "{page.cursor}"}, "query": "mutation { a }", "extensions": {}}
    )
    assert msgspec.json.decode(second.body or b"") == {
        "query": document,
        "variables": {"q": 'x") { id } } mutation { a', "first": 5, "after": "c"},
        "operationName": "Find",
    }
