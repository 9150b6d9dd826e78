"""What the JSON Schema cannot say about a catalog: rules over the whole file, each with the place it is broken."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .definition import Judge, ToolAccess
from .exchange import Endpoint, Graphql, Result, ResultKind
from .file import CatalogFile, CatalogTool
from .graphql_rules import graphql_rules
from .input_rules import input_schema_rules
from .lines import Path
from .open_rules import open_rules
from .references import Reference, all_references, operator_of, references, whole
from .request_rules import body_templates, header_rules, paging_rules, request_rules
from .requests import Sent, requests
from .template_rules import reference_rules, template_rules

JUDGE_LANGUAGES = frozenset({"graphql", "jql", "soql", "sosl", "sql"})
CELLS = frozenset({"jsonv2"})

Broken = Iterator[tuple[Path, str]]

HOST_PATTERN = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\Z")


def broken_rules(catalog: CatalogFile, stem: str) -> Broken:
    """Every rule the file breaks: where, and in a sentence what."""
    if catalog.provider != stem:
        yield ("provider",), f"must be the file's name, {stem!r}"
    # Where only requests of the caller's own are sent, the operator's configuration alone names the hosts.
    yield from _endpoint(catalog.endpoint, anywhere=all(tool.open is not None for tool in catalog.tools))
    yield from _unused_values(catalog)
    yield from header_rules(catalog.headers, ("headers",), allowed=_no_reference)
    for name, value in catalog.credential.headers.items():
        yield from header_rules({name: value}, ("credential", "headers"), allowed=_credential_only, ours=frozenset())
    for method, headers in catalog.credential.by_method.items():
        yield from header_rules(headers, ("credential", "byMethod", method), allowed=_credential_only, ours=frozenset())
    seen: set[str] = set()
    for index, tool in enumerate(catalog.tools):
        place: Path = ("tools", index)
        if tool.name in seen:
            yield (*place, "name"), f"the tool {tool.name!r} is defined twice"
        seen.add(tool.name)
        for path, rule in tool_rules(tool, catalog.endpoint):
            yield (*place, *path), f"tool {tool.name}: {rule}"


def _endpoint(endpoint: Endpoint, *, anywhere: bool) -> Broken:
    for member, patterns in (("hosts", endpoint.hosts), ("downloadHosts", endpoint.download_hosts)):
        for index, pattern in enumerate(patterns):
            if not HOST_PATTERN.match(pattern):
                yield ("endpoint", member, index), "must be a lower-case host, or *. and one, of two labels or more"
    if not endpoint.hosts and not anywhere:
        yield ("endpoint", "hosts"), "must name at least one host pattern"
    match = re.fullmatch(r"https://([^/?#@:]+)", endpoint.url)
    if match is None:
        yield ("endpoint", "url"), "must be https:// and a host, without port, path or user"
    used = {each.name for each in references(endpoint.url)}
    for name in used - endpoint.values.keys():
        yield ("endpoint", "url"), f"uses {{{name}}}, which is not among its values"
    for name, value in endpoint.values.items():
        for source in value.sources:
            if source.partition(".")[0] not in ("config", "metadata", "endpoint"):
                yield ("endpoint", "values", name, "sources"), "must begin with config., metadata. or endpoint."


def _unused_values(catalog: CatalogFile) -> Broken:
    """A value is a part of the host, or of requests as `{endpoint.name}`: where one host serves all tenants by path."""
    sent = [(each.request.path, each.query, each.body_members) for tool in catalog.tools for each in requests(tool)]
    used = {f"endpoint.{each.name}" for each in references(catalog.endpoint.url)}
    used |= {each.name for each in all_references(sent)}
    for name in catalog.endpoint.values:
        if f"endpoint.{name}" not in used:
            yield ("endpoint", "values", name), "is used neither in the url nor, as {endpoint.name}, in a request"


def _no_reference(_: Reference) -> bool:
    return False


def _credential_only(reference: Reference) -> bool:
    return reference.name == "credential"


def tool_rules(tool: CatalogTool, endpoint: Endpoint) -> Broken:
    """Every rule that one tool of a provider at that endpoint breaks."""
    for path, rule in input_schema_rules(tool.input_schema):
        yield ("inputSchema", *path), rule
    yield from _judge(tool)
    yield from _details(tool)
    if sum(map(bool, (tool.request, tool.cases, tool.open))) != 1:
        yield (), "must have exactly one of request, cases and open"
    if tool.host and (tool.host not in endpoint.hosts or tool.host.startswith("*")):
        yield ("host",), "must be one of endpoint.hosts, written out there"
    if tool.open is not None:
        yield from open_rules(tool)
    known = set(tool.input_schema.get("properties") or ())
    for sent in requests(tool):
        yield from request_rules(sent.request, sent.place, known, sent.spaces)
        yield from _method(tool, sent)
        if sent.request.redirect and not endpoint.download_hosts:
            yield (*sent.place, "redirect"), "needs endpoint.downloadHosts, where content may be fetched from"
    spaces = frozenset({"endpoint", "call"} | ({"lookup"} if tool.lookup is not None else set()))
    for index, case in enumerate(tool.cases):
        place: Path = ("cases", index)
        if bool(case.request) == bool(case.say):
            yield place, "must have exactly one of request and say"
        for reference in references(case.say):
            yield from reference_rules(reference, (*place, "say"), known, spaces)
        if case.when is not None:
            yield from reference_rules(Reference(case.when.value), (*place, "when", "value"), known, spaces)
        if case.paging is not None:
            yield from paging_rules(case.paging, (*place, "paging"), known, spaces)
        if case.result is not None:
            yield from _result(case.result, (*place, "result"), known, spaces)
    if tool.paging is not None:
        yield from paging_rules(tool.paging, ("paging",), known, spaces)
    yield from _result(tool.result, ("result",), known, spaces)


def _method(tool: CatalogTool, sent: Sent) -> Broken:
    body = sent.request.body
    undoing = sent.place == ("job", "cancel")  # what the tool itself has begun
    if tool.access is ToolAccess.READ and sent.request.method in ("PUT", "PATCH", "DELETE") and not undoing:
        yield (*sent.place, "method"), f"a tool that reads cannot send {sent.request.method}"
    if body is not None and isinstance(body.graphql, Graphql):
        for rule in graphql_rules(body.graphql, tool.access):
            yield (*sent.place, "body", "graphql"), rule


def _judge(tool: CatalogTool) -> Broken:
    if (tool.access is ToolAccess.JUDGED) != (tool.judge is not None or tool.open is not None):
        yield ("access",), "a tool is Judged exactly when it has a judge, or is open"
        return
    if tool.judge is None:
        return
    if tool.judge.language not in JUDGE_LANGUAGES:
        yield ("judge", "language"), f"must be one of {', '.join(sorted(JUDGE_LANGUAGES))}"
    argument = tool.judge.argument
    property_schema = (tool.input_schema.get("properties") or {}).get(argument)
    if not isinstance(property_schema, dict) or property_schema.get("type") != "string":
        yield ("judge", "argument"), "must be an argument of type string"
    if argument not in (tool.input_schema.get("required") or ()):
        yield ("judge", "argument"), "must be a required argument"
    templates: list[Any] = []
    for sent in requests(tool):
        request = sent.request
        templates += [request.path, request.query, request.headers, *body_templates(request.body)]
    texts = [text for text in _texts(templates) if any(each.argument == argument for each in references(text))]
    # What was judged is what is sent: the argument itself, never a text made of it.
    if not texts or any(whole(text) != Reference(argument) for text in texts):
        yield ("judge", "argument"), f"must be sent as it is: {{{argument}}} alone, without a filter or other text"
    if tool.judge.language == "graphql":
        yield from _judged_graphql(tool, tool.judge)


def _judged_graphql(tool: CatalogTool, judge: Judge) -> Broken:
    """What else a body could say about what is executed: another operation, or a document by its name."""
    for sent in requests(tool):
        body = sent.request.body.json if sent.request.body is not None else None
        members = body if isinstance(body, Mapping) else {}
        if not members or not members.keys() <= {"query", "variables", "operationName"}:
            yield (*sent.place, "body"), "must be JSON of query, variables and operationName, since it is judged"
        elif members.get("query") != f"{{{judge.argument}}}":
            yield (*sent.place, "body"), f"query must be {{{judge.argument}}}, which is what is judged"
        elif members.get("operationName", "") != (f"{{{judge.operation}}}" if judge.operation else ""):
            yield (*sent.place, "body"), "operationName must be the argument that judge.operation names"


def _details(tool: CatalogTool) -> Broken:
    if tool.details is None:
        return
    if tool.details.method != "GET":
        yield ("details", "method"), "must be GET, since it is sent for every row"
    for result in (tool.result, *(case.result for case in tool.cases if case.result is not None)):
        if result.kind is not ResultKind.ROWS:
            yield ("details",), "is for results of the kind rows"


def _result(result: Result, path: Path, known: set[str], spaces: frozenset[str]) -> Broken:
    if result.cells and result.cells not in CELLS:
        yield (*path, "cells"), f"must be one of {', '.join(sorted(CELLS))}"
    if result.kind is ResultKind.NONE and not result.say:
        yield (*path, "say"), "must say what happened, since there is nothing to show"
    if result.content is not None:
        if result.kind not in (ResultKind.FILE, ResultKind.TEXT):
            yield (*path, "content"), "is for results of the kinds file and text"
        for name, text in (("type", result.content.type), ("name", result.content.name)):
            yield from template_rules(text, (*path, "content", name), known, spaces | {"answer"})
    for name, text in (("rows", result.rows), ("offset", result.offset)):
        yield from template_rules(text, (*path, name), known, spaces)


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, list | tuple):
        for each in template:
            yield from _texts(each)
    elif isinstance(template, dict) and operator_of(template) != "$literal":
        for member in template.values():
            yield from _texts(member)
