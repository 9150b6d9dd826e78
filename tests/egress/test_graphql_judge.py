"""GraphQL: the whole list of documents, and what hides an operation, an endless answer or a flood."""

import json
from typing import Any

import pytest

from data_files import DATA
from pipes_api.resources import Access
from pipes_egress.judge import graphql
from pipes_egress.judge.verdict import Verdict

FILES = {path.stem: json.loads(path.read_text()) for path in sorted(DATA.glob("graphql_*.json"))}


def outcome(verdict: Verdict) -> str:
    """What becomes of it: `read` passes under Read and Write, `write` under Write only, `invalid` under neither."""
    assert verdict.why or verdict.access is Access.READ
    return "invalid" if verdict.refuse else "read" if verdict.access is Access.READ else "write"


def judged(text: str, name: str = "") -> str:
    return outcome(graphql.judge(text, name))


@pytest.mark.parametrize("case", FILES.values(), ids=FILES)
def test_each_document_of_the_list_is_what_it_is(case: dict[str, Any]) -> None:
    arguments = case["arguments"]
    found = judged(arguments["query"], arguments.get("operationName", ""))

    assert found in case["expect"].split("_or_"), case["why"]


@pytest.mark.parametrize(
    "document",
    [
        "{ mutation { x } }",
        "query mutation { viewer { id } }",
        "query Q { viewer { id ...F } } fragment F on User { name ... on User { email } }",
        "query ($a: Boolean!) { viewer { id @include(if: $a) name @skip(if: $a) } }",
        "\ufeff,,, # mutation { x }\r\n{ viewer { id } }",
        '{ search(text: """mutation { x }""") { id } }',
        '{ search(text: "mutation { x }\\u007d") { id } }',
        "{ __schema { queryType { fields { name type { ofType { ofType { ofType { ofType { name } } } } } } } } }",
        "{ subscriptions: issues(filter: {or: [{a: 1}, {b: [2, 3]}]}) { nodes { id } } }",
    ],
)
def test_a_query_is_a_read(document: str) -> None:
    assert judged(document) == "read", graphql.judge(document).why


@pytest.mark.parametrize(
    "document",
    [
        "mutation query { x }",
        "# a comment ends here\rmutation { x }",
        "mutation M { a ...F } fragment F on Mutation { b }",
        "mutation @include(if: false) { x }",
        'mutation { post(text: """say "hi" """) { id } }',
        "query Q @live_update { viewer { id } }",
        '{ viewer @export(as: "x") { id } }',
    ],
)
def test_what_writes_or_is_not_proven_to_read_is_a_write(document: str) -> None:
    assert judged(document) == "write", graphql.judge(document).why


TWO = "query A { viewer { id } } mutation B { x }"


@pytest.mark.parametrize("name", ["A", "B"])
def test_of_several_operations_none_is_a_read_whichever_is_named(name: str) -> None:
    assert judged(TWO, name) == "write"
    assert judged("query A { a } query B { b }", name) == "write"


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (TWO, ""),
        (TWO, "C"),
        ("query A { a }", "B"),
        ("{ a }", "A"),
        ("{ a } mutation B { x }", "B"),
        ("{ a } { b }", ""),
        ("query A { a } subscription B { b }", "A"),
        ("mutation A { a } mutation A { b }", "A"),
    ],
)
def test_a_document_whose_operation_cannot_be_told_is_refused(document: str, name: str) -> None:
    assert judged(document, name) == "invalid"


@pytest.mark.parametrize(
    "document",
    [
        "",
        " \n# nothing\n",
        "Mutation { x }",
        "{ a } }",
        "{ a };",
        "{ }",
        "fragment F on Mutation { x } { ...F }",
        "{ ... on Mutation { x } }",
        "{ ... on mutation_root { x } }",
        "{ ... on RootSubscriptionType { x } }",
        "{ a { ... on Subscription { x } } }",
        "{ a { ...F @defer } } fragment F on A { b }",
        "{ list @stream(initialCount: 1) { id } }",
        "query @live { a }",
        "mutation { a @defer { b } }",
        "{ a } schema { query: Q }",
        "extend type Query { a: Int } { a }",
        "{ ...Missing }",
        "{ ...F } fragment F on Query { a } fragment F on Query { b }",
        "{ ...F } fragment F on Query { a { ...G } } fragment G on A { ...F }",
        '{ a(x: [""""] ) } mutation M { x } # """]) }',
        '{ a(x: "open) }',
        "{ a\x00 }",
        "{ a\u00a0b }",
        "{ f(a: 1) { b } } fragment X($a: Int) on A { b }",
    ],
)
def test_what_no_two_servers_need_to_read_alike_is_refused(document: str) -> None:
    assert judged(document) == "invalid", graphql.judge(document)


def nested(levels: int) -> str:
    return "{ a" * levels + " }" * levels


def doubling(levels: int) -> str:
    """Each fragment spreads the next one twice, under two aliases."""
    parts = [f"fragment F{n} on A {{ x: a {{ ...F{n + 1} }} y: a {{ ...F{n + 1} }} }}" for n in range(levels)]
    return "{ ...F0 } " + " ".join(parts) + f" fragment F{levels} on A {{ id }}"


def test_depth_has_a_limit() -> None:
    assert judged(nested(30)) == "read"
    for levels in (60, 1_500, 5_000, 20_000):
        assert judged(nested(levels)) == "invalid"


def test_depth_is_counted_through_fragments() -> None:
    chain = [f"fragment F{n} on A {{ a {{ ...F{n + 1} }} }}" for n in range(300)]
    for order in (chain, chain[::-1]):
        assert judged("{ ...F0 } " + " ".join(order) + " fragment F300 on A { id }") == "invalid"


def test_fields_and_aliases_are_counted_with_fragments_spread() -> None:
    assert judged(doubling(4)) == "read"
    assert "aliases" in graphql.judge(doubling(12)).why
    assert judged("{ " + " ".join(f"a{n}: viewer {{ id }}" for n in range(600)) + " }") == "invalid"
    assert judged("{ " + "viewer " * 6_000 + "}") == "invalid"


def test_long_and_deep_values_end_in_a_verdict() -> None:
    assert judged("{ a(x: " + "[" * 4_000 + "]" * 4_000 + ") }") == "invalid"
    assert judged("{ a(x: [" + "1," * 20_000 + "]) }") == "invalid"
    assert judged("{ a # " + "x" * graphql.LONGEST + "\n}") == "invalid"


def test_the_sentence_of_a_refusal_is_bounded() -> None:
    assert len(graphql.judge("{ a(x: 1) { " + "b" * 500 + "$ } }").why) < 200
