"""What the JSON Schema cannot say about a catalog: rules over the whole file, each with the place it is broken."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from .definition import ToolAccess
from .exchange import Body, Endpoint, Paging, Request, Result, ResultKind
from .file import CatalogFile, CatalogTool
from .input_rules import input_schema_rules
from .lines import Path
from .references import FILTERS, Reference, all_references, references, whole
from .requests import requests

JUDGE_LANGUAGES = frozenset({"sql", "soql"})
DECODERS = frozenset({"jsonv2"})

Broken = Iterator[tuple[Path, str]]

HOST_PATTERN = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\Z")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_HEADER_TEXT = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\Z")
_OURS = frozenset(
    {
        *("authorization", "connection", "content-length", "content-type", "cookie", "expect", "host", "keep-alive"),
        *("proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""Header names that a catalog may not set: they belong to the transport, or to `credential`."""
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|\{[^{}/]+\})*\Z")


def broken_rules(catalog: CatalogFile, stem: str) -> Broken:
    """Every rule the file breaks: where, and in a sentence what."""
    if catalog.provider != stem:
        yield ("provider",), f"must be the file's name, {stem!r}"
    yield from _endpoint(catalog.endpoint)
    yield from _headers(catalog.headers, ("headers",), allowed=_no_reference)
    for name, value in catalog.credential.headers.items():
        yield from _headers({name: value}, ("credential", "headers"), allowed=_credential_only, ours=frozenset())
    for method, headers in catalog.credential.by_method.items():
        yield from _headers(headers, ("credential", "byMethod", method), allowed=_credential_only, ours=frozenset())
    seen: set[str] = set()
    for index, tool in enumerate(catalog.tools):
        place: Path = ("tools", index)
        if tool.name in seen:
            yield (*place, "name"), f"the tool {tool.name!r} is defined twice"
        seen.add(tool.name)
        for path, rule in _tool(tool):
            yield (*place, *path), f"tool {tool.name}: {rule}"


def _endpoint(endpoint: Endpoint) -> Broken:
    for index, pattern in enumerate(endpoint.hosts):
        if not HOST_PATTERN.match(pattern):
            yield ("endpoint", "hosts", index), "must be a lower-case host, or *. and one, of two labels or more"
    if not endpoint.hosts:
        yield ("endpoint", "hosts"), "must name at least one host pattern"
    match = re.fullmatch(r"https://([^/?#@:]+)", endpoint.url)
    if match is None:
        yield ("endpoint", "url"), "must be https:// and a host, without port, path or user"
    used = {each.name for each in references(endpoint.url)}
    for name in used - endpoint.values.keys():
        yield ("endpoint", "url"), f"uses {{{name}}}, which is not among its values"
    for name, value in endpoint.values.items():
        if name not in used:
            yield ("endpoint", "values", name), "is not used in the url"
        for source in value.sources:
            if source.partition(".")[0] not in ("config", "metadata", "endpoint"):
                yield ("endpoint", "values", name, "sources"), "must begin with config., metadata. or endpoint."


def _headers(
    headers: dict[str, str],
    path: Path,
    *,
    allowed: Callable[[Reference], bool],
    ours: frozenset[str] = _OURS,
) -> Broken:
    for name, value in headers.items():
        if not _HEADER_NAME.match(name) or name.lower() in ours:
            yield (*path, name), f"{name!r} is not a header that a catalog may set"
        if not _HEADER_TEXT.match(value):
            yield (*path, name), "a header's value must be visible ASCII"
        for each in references(value):
            if not allowed(each):
                yield (*path, name), f"{{{each.name}}} cannot be used here"


def _no_reference(_: Reference) -> bool:
    return False


def _credential_only(reference: Reference) -> bool:
    return reference.name == "credential"


def _tool(tool: CatalogTool) -> Broken:
    for path, rule in input_schema_rules(tool.input_schema):
        yield ("inputSchema", *path), rule
    yield from _judge(tool)
    if (tool.request is None) == (not tool.cases):
        yield (), "must have exactly one of request and cases"
    known = set(tool.input_schema.get("properties") or ())
    for sent in requests(tool):
        yield from _request(sent.request, sent.place, known, sent.spaces)
    spaces = frozenset({"endpoint", "call"} | ({"lookup"} if tool.lookup is not None else set()))
    for index, case in enumerate(tool.cases):
        place: Path = ("cases", index)
        if bool(case.request) == bool(case.say):
            yield place, "must have exactly one of request and say"
        for reference in references(case.say):
            yield from _reference(reference, (*place, "say"), known, spaces)
        if case.when is not None:
            yield from _reference(Reference(case.when.value), (*place, "when", "value"), known, spaces)
        if case.paging is not None:
            yield from _paging(case.paging, (*place, "paging"), known, spaces)
        if case.result is not None:
            yield from _result(case.result, (*place, "result"), known, spaces)
    if tool.paging is not None:
        yield from _paging(tool.paging, ("paging",), known, spaces)
    yield from _result(tool.result, ("result",), known, spaces)


def _judge(tool: CatalogTool) -> Broken:
    if (tool.access is ToolAccess.JUDGED) != (tool.judge is not None):
        yield ("access",), "a tool is Judged exactly when it has a judge"
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
        templates += [request.path, request.query, request.headers, *_body_templates(request.body)]
    texts = [text for text in _texts(templates) if any(each.argument == argument for each in references(text))]
    # What was judged is what is sent: the argument itself, never a text made of it.
    if not texts or any(whole(text) != Reference(argument) for text in texts):
        yield ("judge", "argument"), f"must be sent as it is: {{{argument}}} alone, without a filter or other text"


def _request(request: Request, path: Path, known: set[str], spaces: frozenset[str]) -> Broken:
    if not request.path.startswith("/") or not all(_SEGMENT.match(each) for each in request.path.split("/")):
        yield (*path, "path"), "must be an absolute path without query, of plain characters and {references}"
    if any(segment in (".", "..") for segment in request.path.split("/")):
        yield (*path, "path"), "must not hold . or .. as a segment"
    yield from _headers(request.headers, (*path, "headers"), allowed=lambda each: True)
    for place, template in (
        ("path", request.path),
        ("query", request.query),
        ("headers", request.headers),
        ("repeatQuery", request.repeat_query),
        *(("body", each) for each in _body_templates(request.body)),
    ):
        for reference in all_references(template):
            yield from _reference(reference, (*path, place), known, spaces)
    if request.body is not None:
        if len(_given(request.body)) != 1:
            yield (*path, "body"), "must have exactly one of json, form and related"
        for part in (part for parts in request.body.related or () for part in parts):
            if len(_given(part)) != 2:
                yield (*path, "body", "related"), "a part must have exactly one of json, text and base64"


def _given(struct: msgspec.Struct) -> list[Any]:
    values = (getattr(struct, name) for name in struct.__struct_fields__)
    return [value for value in values if value is not msgspec.UNSET]


def _body_templates(body: Body | None) -> list[Any]:
    if body is None:
        return []
    if body.related:
        return [value for parts in body.related for part in parts for value in _given(part)]
    return _given(body)


def _paging(paging: Paging, path: Path, known: set[str], spaces: frozenset[str]) -> Broken:
    if sum(map(bool, (paging.next, paging.link, paging.parts, paging.offset is not None))) != 1:
        yield path, "must have exactly one of next, link, parts and offset"
    if (paging.request is None) == (not paging.query and not paging.body):
        yield path, "must have either request, or query and body"
    if paging.link and not paging.parameter and not paging.after:
        yield path, "must say with parameter or after which part of the URL in the Link header is the cursor"
    if (paging.parameter or paging.after) and not (paging.next or paging.link):
        yield path, "has parameter and after only together with next or link"
    if paging.offset is not None:
        if not paging.offset.total and not paging.offset.size:
            yield (*path, "offset"), "must have total or size, which tell where the end is"
        for reference in references(paging.offset.start):
            yield from _reference(reference, (*path, "offset", "start"), known, spaces)


def _result(result: Result, path: Path, known: set[str], spaces: frozenset[str]) -> Broken:
    if result.decode and result.decode not in DECODERS:
        yield (*path, "decode"), f"must be one of {', '.join(sorted(DECODERS))}"
    if result.kind is ResultKind.NONE and not result.say:
        yield (*path, "say"), "must say what happened, since there is nothing to show"
    for name, text in (("rows", result.rows), ("offset", result.offset)):
        for reference in references(text):
            yield from _reference(reference, (*path, name), known, spaces)


def _reference(reference: Reference, path: Path, known: set[str], spaces: frozenset[str]) -> Broken:
    if reference.filter and reference.filter not in FILTERS:
        yield path, f"there is no filter {reference.filter!r}"
    if reference.space and reference.space not in spaces:
        yield path, f"{{{reference.name}}} is not known at this point"
    if reference.argument and reference.argument not in known:
        yield path, f"{{{reference.name}}} is not an argument of the tool"


def _texts(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, list | tuple):
        for each in template:
            yield from _texts(each)
    elif isinstance(template, dict) and "$literal" not in template:
        for member in template.values():
            yield from _texts(member)
