"""One request of a catalog, made ready to send."""

import base64
import binascii
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from pipes_catalog.exchange import Body, BodyPart, Graphql, Request
from pipes_catalog.paths import climbs
from pipes_catalog.references import all_references
from pipes_catalog.requests import deep

from ..problems import ArgumentRefused
from .scope import ABSENT, Scope
from .templates import evaluate, write

LONGEST_HEADER = 8_000
LONGEST_TARGET = 16_000
"""Bytes of path and query; servers refuse more, some without saying why."""

_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,80}/[A-Za-z0-9!#$&^_.+-]{1,120}(?:; ?charset=[A-Za-z0-9_-]{1,40})?\Z")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`target` is path and query as they go on the wire, already encoded."""

    method: str
    target: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)


def build(
    request: Request,
    scope: Scope,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Outgoing:
    """Write a request out. `headers` are fixed; `query` and `body` are templates merged over the request's own.

    Raises:
        ArgumentRefused: a value cannot be sent where it belongs.
    """
    sent = dict(headers or {})
    for name, template in request.headers.items():
        value = write(template, scope, _header)
        if value is not None:
            sent[name] = whole_header(name, value)
    payload, content_type = _body(request.body, scope, body or {})
    if content_type:
        sent["Content-Type"] = content_type
    target = path_of(request, scope) + _query({**request.query, **(query or {})}, scope)
    return Outgoing(request.method, bounded(target), sent, payload)


def bounded(target: str) -> str:
    """Path and query, if servers would take them."""
    if len(target) > LONGEST_TARGET:
        raise ArgumentRefused("the arguments are too long to be sent in a URL; ask for less at once")
    return target


def path_of(request: Request, scope: Scope) -> str:
    """The path as it is sent: with as many segments as its template has."""
    return "/".join(_segment(each, scope) for each in request.path.split("/"))


def _segment(template: str, scope: Scope) -> str:
    written = write(template, scope, _in_segment)
    if written is None:
        raise ArgumentRefused(f"there is no value for {template}")
    # A client or server that normalises paths would take these as steps in the hierarchy.
    if written in (".", "..") or (template and not written):
        raise ArgumentRefused(f"{template.strip('{}')} cannot be {written!r}")
    return written


def _in_segment(name: str, text: str) -> str:
    if not text or any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ArgumentRefused(f"{name} must be text without control characters")
    if climbs(text):
        raise ArgumentRefused(f"{name} must not hold . or .. as a part of a path")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise ArgumentRefused(f"{name} is not Unicode text") from None


def _query(templates: Mapping[str, Any], scope: Scope) -> str:
    values = {name: evaluate(template, scope) for name, template in templates.items()}
    encoded = encoded_pairs({name: value for name, value in values.items() if value is not ABSENT})
    return "?" + encoded if encoded else ""


def encoded_pairs(values: Mapping[str, Any]) -> str:
    """Names and values as in a query or a form; a list repeats its name.

    Raises:
        ArgumentRefused: a value is neither text, a number nor a truth value.
    """
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, bool):
                pairs.append((name, "true" if item else "false"))
            elif isinstance(item, str | int | float):
                pairs.append((name, str(item)))
            else:
                raise ArgumentRefused(f"{name} must be text or a number")
    try:
        return urlencode(pairs, quote_via=quote, safe="")
    except UnicodeEncodeError:
        raise ArgumentRefused("an argument is not Unicode text") from None


def _header(name: str, text: str) -> str:
    if not _HEADER_VALUE.match(text):
        raise ArgumentRefused(f"{name} goes into a header: it must be visible ASCII text")
    return text


def whole_header(name: str, text: str) -> str:
    """The value, if it can be sent as a header of that name."""
    if len(text) > LONGEST_HEADER or not _HEADER_VALUE.match(text):
        raise ArgumentRefused(f"the header {name} would be longer than {LONGEST_HEADER} characters, or not plain text")
    return text


def _body(body: Body | None, scope: Scope, more: Mapping[str, Any]) -> tuple[bytes | None, str]:
    if body is None:
        return None, ""
    if body.json is not ABSENT:
        value = evaluate(body.json, scope)
        return encoded_json(deep(value, evaluate(dict(more), scope)) if more else value), "application/json"
    if isinstance(body.graphql, Graphql):
        return encoded_json(_graphql(body.graphql, scope, more)), "application/json"
    if isinstance(body.form, dict):
        return _query({**body.form, **more}, scope).removeprefix("?").encode(), "application/x-www-form-urlencoded"
    return _related(body.related or (), scope)


def _graphql(sent: Graphql, scope: Scope, more: Mapping[str, Any]) -> dict[str, Any]:
    """A request as GraphQL over HTTP has it, and no other member: a server may give meaning to any."""
    variables = deep(evaluate(sent.variables, scope), evaluate(more.get("variables") or {}, scope))
    named = {"operationName": sent.operation} if sent.operation else {}
    return {"query": sent.document, "variables": variables, **named}


def encoded_json(value: Any) -> bytes:
    try:
        return msgspec.json.encode(None if value is ABSENT else value)
    except UnicodeEncodeError:
        raise ArgumentRefused("an argument is not Unicode text") from None


def _related(alternatives: tuple[tuple[BodyPart, ...], ...], scope: Scope) -> tuple[bytes, str]:
    """`multipart/related` (RFC 2387) of the first alternative all of whose contents are there."""
    for parts in alternatives:
        contents = [(part, _content(part, scope)) for part in parts]
        if all(content is not None for _, content in contents):
            boundary = uuid.uuid4().hex
            lines = []
            for part, content in contents:
                kind = evaluate(part.content_type, scope)
                if not isinstance(kind, str) or not _MEDIA_TYPE.match(kind):
                    raise ArgumentRefused("the content type must be a media type such as text/plain")
                lines += [f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode(), content or b"", b"\r\n"]
            lines.append(f"--{boundary}--\r\n".encode())
            return b"".join(lines), f"multipart/related; boundary={boundary}"
    needed = sorted({each.name for parts in alternatives for part in parts for each in _contents(part)})
    raise ArgumentRefused(f"one of {', '.join(needed)} must be given")


def _contents(part: BodyPart) -> Any:
    return all_references([each for each in (part.text, part.base64) if each is not ABSENT])


def _content(part: BodyPart, scope: Scope) -> bytes | None:
    if part.json is not ABSENT:
        return encoded_json(evaluate(part.json, scope))
    if part.text is not ABSENT:
        text = evaluate(part.text, scope)
        return None if text is ABSENT else _utf8(text)
    encoded = evaluate(part.base64, scope)
    if encoded is ABSENT:
        return None
    try:
        return base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError):
        raise ArgumentRefused("the content is not base64") from None


def _utf8(text: Any) -> bytes:
    try:
        return str(text).encode()
    except UnicodeEncodeError:
        raise ArgumentRefused("the content is not Unicode text") from None
