"""Rules that a catalog must keep beyond its schema: each is broken once, and named."""

from typing import Any

import msgspec
import pytest

from pipes_catalog.file import CatalogFile
from pipes_catalog.rules import broken_rules

ARGUMENTS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "q": {"type": "string", "description": "What to find."},
        "n": {"type": "integer", "description": "How many."},
    },
}


def broken(access: str = "Read", **tool: Any) -> list[str]:
    """The rules that a catalog of one tool breaks, each as `place: rule`."""
    base = {
        "name": "find",
        "title": "Find",
        "description": "Find things at Acme.",
        "access": access,
        "inputSchema": ARGUMENTS,
        "request": {"method": "GET", "path": "/v1"},
    }
    file = {
        "format": "pipesmcp.io/catalog/v1",
        "provider": "acme",
        "title": "Acme",
        "endpoint": {"hosts": ["api.acme.example"], "url": "https://api.acme.example"},
        "tools": [{**base, **tool}],
    }
    catalog = msgspec.convert(file, CatalogFile)
    return [f"{'.'.join(map(str, where[2:]))}: {rule}" for where, rule in broken_rules(catalog, "acme")]


def post(body: Any, **changes: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/v1", "body": body, **changes}


def query(document: str, variables: Any = None, **more: Any) -> dict[str, Any]:
    return post({"graphql": {"document": document, "variables": variables or {}, **more}})


def test_a_tool_without_fault_breaks_no_rule() -> None:
    assert broken() == []
    assert broken(host="api.acme.example") == []


@pytest.mark.parametrize("host", ["other.acme.example", "*.acme.example", "api.acme.example.evil.example", "{q}"])
def test_a_tools_own_host_is_one_that_the_provider_has(host: str) -> None:
    assert broken(host=host) == ["host: tool find: must be one of endpoint.hosts, written out there"]


@pytest.mark.parametrize(
    ("paging", "says"),
    [
        ({"query": {"a": "b"}}, "exactly one of next, link, parts and offset"),
        ({"next": "a", "link": True, "query": {"a": "b"}}, "exactly one of"),
        ({"link": True, "query": {"a": "b"}}, "which part of the URL"),
        ({"parts": "a", "after": "/x", "query": {"a": "b"}}, "only together with next or link"),
        ({"offset": {}, "query": {"a": "b"}}, "total or size"),
        ({"offset": {"size": 5, "start": "{nothing}"}, "query": {"a": "b"}}, "not an argument"),
        ({"next": "a", "query": {"a": "{item}"}}, "not known"),
    ],
)
def test_paging_is_told_in_one_way(paging: Any, says: str) -> None:
    assert any(says in rule for rule in broken(paging=paging)), broken(paging=paging)


@pytest.mark.parametrize(
    "paging",
    [
        {"next": "a.b", "while": {"value": "a.c", "equals": True}, "query": {"c": "{page.cursor}"}},
        {"link": True, "parameter": "page", "query": {"page": "{page.cursor}"}},
        {"offset": {"total": "total"}, "query": {"startAt": "{page.offset}", "page": "{page.number}"}},
    ],
)
def test_each_way_of_paging_is_accepted(paging: Any) -> None:
    assert broken(paging=paging) == []


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ({"$join": ","}, "$join must have $parts"),
        ({"$join": 1, "$parts": []}, "must be text"),
        ({"$cases": {}}, "list of {when, value}"),
        ({"$cases": [{"when": {"equals": 1}, "value": 1}]}, "when: "),
        ({"$cases": [{"value": "{nothing}"}]}, "not an argument"),
        ({"$each": "{q}", "$value": "{nothing}"}, "not an argument"),
        ({"$each": "{item}", "$value": "{item}"}, "not known"),
        ({"$chunks": "{q}", "$size": 0}, "$size"),
        ({"$split": "{q}", "$by": ""}, "$by"),
        ({"$message": {"To": "{q}"}}, "$message has members"),
        ({"$upper": "{q}"}, "no operator '$upper'"),
        ({"deep": [{"$join": ",", "$parts": [], "more": 1}]}, "nothing else"),
        ("{q|rot13}", "no filter 'rot13'"),
    ],
)
def test_an_operator_has_its_form(template: Any, says: str) -> None:
    rules = broken("Write", request=post({"json": {"member": template}}))
    assert any(says in rule for rule in rules), rules


def test_operators_in_each_other_know_the_entry() -> None:
    chunks = {"$chunks": {"$join": " ", "$parts": ["{q}", "{n}"]}, "$size": 2_000}
    template = {"$each": chunks, "$value": {"text": {"content": "{item}"}, "of": "{q|base64}"}}
    assert broken("Write", request=post({"json": template})) == []


@pytest.mark.parametrize(
    ("access", "document", "says"),
    [
        ("Read", "mutation M { a }", "must be a query"),
        ("Read", "query Q { a } mutation M { b }", "one operation"),
        ("Read", "query A { a } query B { b }", "one operation"),
        ("Read", "subscription S { a }", "subscription"),
        ("Write", "subscription S { a }", "subscription"),
        ("Write", "mutation A { a } mutation B { b }", "one operation"),
        ("Read", "fragment F on X { a }", "one operation"),
        ("Read", "query { a } type X { a: Int }", "nothing else"),
        ("Read", "query { ... on Mutation { b } }", "fragment on Mutation"),
        ("Read", "query { ...F } fragment F on Mutation { b }", "fragment on Mutation"),
        ("Read", "query { a @defer }", "@defer"),
        ("Read", "query { ... @stream { a } }", "@stream"),
        ("Read", "query {", "cannot be parsed"),
        ("Read", "", "cannot be parsed"),
        ("Read", "query Q($a: Int!) { a(b: $a) }", "needs the variable 'a'"),
        ("Read", "{ " + "a " * 5_000 + "}", "cannot be parsed"),
        ("Read", "{ a } #" + "x" * 20_000, "characters long"),
    ],
)
def test_a_fixed_document_does_what_its_tool_says(access: str, document: str, says: str) -> None:
    rules = broken(access, request=query(document))
    assert any(says in rule for rule in rules), rules


def test_variables_and_operation_are_the_documents_own() -> None:
    document = "query Find($q: String!, $n: Int = 5) { things(term: $q, first: $n) { mutation: id } }"
    assert broken(request=query(document, {"q": "{q}"}, operation="Find")) == []
    assert "not declared" in str(broken(request=query(document, {"q": "{q}", "x": 1})))
    assert "'Find'" in str(broken(request=query(document, {"q": "{q}"}, operation="Other")))


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "GET", "path": "/v1", "headers": {"X-HTTP-Method-Override": "DELETE"}},
        {"method": "GET", "path": "/v1", "headers": {"x-http-method": "{q}"}},
        {"method": "GET", "path": "/v1", "query": {"_method": "DELETE"}},
        {"method": "GET", "path": "/v1", "query": {"Method": "{q}"}},
        {"method": "POST", "path": "/v1", "query": {"_METHOD": "DELETE"}},
        {"method": "POST", "path": "/v1", "body": {"form": {"_method": "DELETE"}}},
    ],
)
@pytest.mark.parametrize("access", ["Read", "Write"])
def test_no_method_is_tunnelled_through_another(access: str, request_: Any) -> None:
    assert "another method" in str(broken(access, request=request_))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_tool_that_reads_sends_no_method_that_changes(method: str) -> None:
    assert f"cannot send {method}" in str(broken(request={"method": method, "path": "/v1"}))
    assert broken("Write", request={"method": method, "path": "/v1"}) == []


JUDGED_ARGUMENTS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["query"],
    "properties": {
        "query": {"type": "string", "description": "The document."},
        "operation": {"type": "string", "description": "Which operation."},
        "variables": {"type": "object", "additionalProperties": True, "description": "Its variables."},
    },
}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"query": "{query}", "variables": "{variables}", "operationName": "{operation}"}, ""),
        ({"query": "{query}", "variables": "{variables}"}, "judge.operation names"),
        ({"query": "{query}", "operationName": "Fixed"}, "judge.operation names"),
        ({"query": "{query}", "operationName": "{operation}", "extensions": {}}, "must be JSON of query"),
        (
            {"query": "{ viewer { id } }", "operationName": "{operation}", "variables": {"q": "{query}"}},
            "query must be",
        ),
        ("{query}", "must be JSON of query"),
    ],
)
def test_a_judged_document_is_the_one_that_is_executed(body: Any, says: str) -> None:
    judge = {"language": "graphql", "argument": "query", "operation": "operation"}
    rules = broken("Judged", inputSchema=JUDGED_ARGUMENTS, judge=judge, request=post({"json": body}))
    assert rules == [] if not says else any(says in rule for rule in rules), rules


OPEN_ARGUMENTS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["method", "path"],
    "properties": {
        "method": {"type": "string", "enum": ["GET", "POST"], "description": "The method."},
        "path": {"type": "string", "description": "The path."},
    },
}


def test_an_open_tool_is_judged_and_may_set_little() -> None:
    def rules(access: str = "Judged", schema: Any = OPEN_ARGUMENTS, **opened: Any) -> str:
        return str(broken(access, inputSchema=schema, request=None, open=opened))

    assert rules(headers=["Accept"]) == "[]"
    assert "is Judged" in rules("Read")
    assert "is not a header" in rules(headers=["authorization"])
    assert "is not a header" in rules(headers=["X-HTTP-Method-Override"])
    assert "readPrefixes" in rules(readPrefixes=["/a/../b"])
    methods = {**OPEN_ARGUMENTS["properties"], "method": {"type": "string", "description": "Any."}}
    assert "enum" in rules(schema={**OPEN_ARGUMENTS, "properties": methods})
    assert "must hold method and path" in rules(schema={**OPEN_ARGUMENTS, "required": ["path"]})


def test_a_download_needs_hosts_to_download_from() -> None:
    assert "downloadHosts" in str(broken(request={"method": "GET", "path": "/v1", "redirect": "download"}))
    assert "GET only" in str(broken("Write", request={"method": "POST", "path": "/v1", "redirect": "download"}))


def test_details_are_of_rows() -> None:
    details = {"method": "GET", "path": "/v1/{item.id}"}
    assert broken(details=details, result={"kind": "rows"}) == []
    assert "kind rows" in str(broken(details=details))
    assert "must be GET" in str(broken(details={**details, "method": "POST"}, result={"kind": "rows"}))
