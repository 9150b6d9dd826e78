"""Rules for one request: that it is well formed, and that no value can get where it does not belong."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from . import tunnels
from .exchange import Body, Graphql, Paging, Request
from .lines import Path
from .references import Reference, references
from .template_rules import template_rules

Broken = Iterator[tuple[Path, str]]

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
_HEADER_TEXT = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\Z")
OURS = frozenset(
    {
        *("authorization", "connection", "content-length", "content-type", "cookie", "expect", "host", "keep-alive"),
        *("proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)
"""Header names that a catalog may not set: they belong to the transport, or to `credential`."""
_OURS_BEGIN = ("x-relay-", "x-workos-", "x-forwarded-")
"""Such a header would tell Pipes' relay, or whatever stands before a server, whose request it is."""
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|\{[^{}/]+\})*\Z")


def is_ours(name: str, ours: frozenset[str] = OURS) -> bool:
    """Whether the header is for egress alone to set, in whatever letters."""
    return name.lower() in ours or name.lower().startswith(_OURS_BEGIN)


def header_rules(
    headers: dict[str, str],
    path: Path,
    *,
    allowed: Callable[[Reference], bool],
    ours: frozenset[str] = OURS,
) -> Broken:
    for name, value in headers.items():
        if not _HEADER_NAME.match(name) or is_ours(name, ours):
            yield (*path, name), f"{name!r} is not a header that a catalog may set"
        if name.lower() in tunnels.HEADERS:
            yield (*path, name), f"{name!r} would make another method of the request's; write that method instead"
        if not _HEADER_TEXT.match(value):
            yield (*path, name), "a header's value must be visible ASCII"
        for each in references(value):
            if not allowed(each):
                yield (*path, name), f"{{{each.name}}} cannot be used here"


def request_rules(request: Request, path: Path, known: set[str], spaces: frozenset[str]) -> Broken:
    if not request.path.startswith("/") or not all(_SEGMENT.match(each) for each in request.path.split("/")):
        yield (*path, "path"), "must be an absolute path without query, of plain characters and {references}"
    if "//" in request.path:
        yield (*path, "path"), "must not hold an empty segment"
    if any(segment in (".", "..") for segment in request.path.split("/")):
        yield (*path, "path"), "must not hold . or .. as a segment"
    yield from header_rules(request.headers, (*path, "headers"), allowed=lambda each: True)
    yield from _no_override(request, path)
    for place, template in (
        ("path", request.path),
        ("query", list(request.query.values())),
        ("headers", list(request.headers.values())),
        ("repeatQuery", list(request.repeat_query.values())),
        *(("body", each) for each in body_templates(request.body)),
    ):
        yield from template_rules(template, (*path, place), known, spaces)
    if request.redirect and request.method != "GET":
        yield (*path, "redirect"), "is for GET only"
    if request.body is not None:
        yield from _body(request.body, (*path, "body"))


def _no_override(request: Request, path: Path) -> Broken:
    form = request.body.form if request.body is not None and isinstance(request.body.form, dict) else {}
    for place, names in (("query", request.query), ("repeatQuery", request.repeat_query), ("body", form)):
        for name in names:
            if tunnels.tunnels(request.method, name):
                yield (*path, place), f"{name!r} could make another method of the request's; write that method instead"


def _body(body: Body, path: Path) -> Broken:
    if len(_given(body)) != 1:
        yield path, "must have exactly one of json, form, graphql and related"
    for part in (part for parts in body.related or () for part in parts):
        if len(_given(part)) != 2:
            yield (*path, "related"), "a part must have exactly one of json, text and base64"


def body_templates(body: Body | None) -> list[Any]:
    """What of a body are templates."""
    if body is None:
        return []
    if isinstance(body.graphql, Graphql):
        return list(body.graphql.variables.values())
    if isinstance(body.form, dict):
        return list(body.form.values())
    if body.related:
        return [value for parts in body.related for part in parts for value in _given(part)]
    return _given(body)


def paging_rules(paging: Paging, path: Path, known: set[str], spaces: frozenset[str]) -> Broken:
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
        yield from template_rules(paging.offset.start, (*path, "offset", "start"), known, spaces)


def _given(struct: msgspec.Struct) -> list[Any]:
    values = (getattr(struct, name) for name in struct.__struct_fields__)
    return [value for value in values if value is not msgspec.UNSET]
