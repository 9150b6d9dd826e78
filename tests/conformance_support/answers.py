"""What a tool reads of answers, held against their schemas: a name that nobody sends would silently be empty."""

import re
from collections.abc import Iterator

from pipes_catalog import ToolDefinition
from pipes_catalog.exchange import Paging, Request, Result, ResultKind

from .description import Description, Schema

Selection = dict[str, "Selection"]
"""Names, each with those inside it; none inside means all."""

_TOKEN = re.compile(r"[^(),/\s]+|[(),/]")


def unknown_members(tool: ToolDefinition, description: Description) -> list[str]:
    """Sentences about members that the tool asks for or keeps, and no answer has."""
    exchange = tool.exchange
    assert exchange is not None
    found = []
    asked = [each for each in (exchange.lookup, exchange.request, exchange.details) if each is not None]
    for request in (*asked, *(case.request for case in exchange.cases if case.request is not None)):
        schema = _answer(request, description)
        fields = request.query.get("fields")
        if schema is not None and isinstance(fields, str):
            found += [f"fields: {each}" for each in _unselectable(selection(fields), schema, description)]
    if exchange.request is not None:
        found += _result(exchange.request, exchange.details, exchange.result, exchange.paging, description)
    for case in exchange.cases:
        if case.request is not None:
            result, paging = case.result or exchange.result, case.paging or exchange.paging
            found += _result(case.request, exchange.details, result, paging, description)
    return [f"{tool.name}: {each}" for each in found]


def _answer(request: Request, description: Description) -> Schema | None:
    operation = description.find(request.method, request.path)
    return operation.answer if operation is not None and request.query.get("alt") != "media" else None


def _result(
    request: Request, details: Request | None, result: Result, paging: Paging | None, description: Description
) -> Iterator[str]:
    first = _answer(request, description)
    if first is None or result.kind not in (ResultKind.ROWS, ResultKind.OBJECT):
        return
    for path in (*result.also, *([paging.next] if paging is not None and paging.next else [])):
        if _at(first, path, description) is None:
            yield path
    record: Schema | None = first
    if result.kind is ResultKind.ROWS:
        rows = _at(first, result.items, description)
        if rows is None:
            yield result.items
            return
        record = description.resolved(rows).get("items", {})
    if details is not None:
        record = _answer(details, description)
    made = {each.into or each.at for each in result.decode}
    for path in result.keep:
        if record is not None and path.split(".")[0] not in made and _at(record, path, description) is None:
            yield path


def _at(schema: Schema, path: str, description: Description) -> Schema | None:
    """The schema at a path through members and lists; None where there is no such member."""
    for name in filter(None, path.split(".")):
        schema = _entry(schema, description)
        if name in schema.get("properties", {}):
            schema = schema["properties"][name]
        elif isinstance(schema.get("additionalProperties"), dict):
            schema = schema["additionalProperties"]
        else:
            return None
    return schema


def _entry(schema: Schema, description: Description) -> Schema:
    schema = description.resolved(schema)
    while "items" in schema and "properties" not in schema:
        schema = description.resolved(schema["items"])
    return schema


def selection(fields: str) -> Selection:
    """`a,b/c,d(e,f)`, the `fields` of Google's APIs.

    Raises:
        ValueError: it is not one.
    """
    tokens = _TOKEN.findall(fields)
    chosen, rest = _selected(tokens)
    if rest:
        raise ValueError(f"{fields!r} is not a selection of fields")
    return chosen


def _selected(tokens: list[str]) -> tuple[Selection, list[str]]:
    chosen: Selection = {}
    inner = chosen
    while tokens and tokens[0] != ")":
        name, tokens = tokens[0], tokens[1:]
        if name in "(),/":
            raise ValueError(f"{name!r} where a name should be")
        within = inner.setdefault(name, {})
        separator = tokens[0] if tokens else ","
        if separator == "(":
            more, tokens = _selected(tokens[1:])
            within.update(more)
            if tokens[:1] != [")"]:
                raise ValueError("a bracket is not closed")
            tokens = tokens[1:]
        elif separator == "/":
            inner, tokens = within, tokens[1:]
            continue
        inner = chosen
        if tokens[:1] == [","]:
            tokens = tokens[1:]
    return chosen, tokens


def _unselectable(chosen: Selection, schema: Schema, description: Description, at: str = "") -> Iterator[str]:
    for name, within in chosen.items():
        inside = _at(schema, name, description)
        if name != "*" and inside is None:
            yield at + name
        elif within and inside is not None:
            yield from _unselectable(within, inside, description, f"{at}{name}.")
