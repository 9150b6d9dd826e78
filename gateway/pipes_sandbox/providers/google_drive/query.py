"""The `q` parameter of files.list: parsed into a predicate.

`and` and `or` bind alike and are taken from left to right, as Drive documents it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipes_sandbox.providers.google_drive.model import DriveFile

Predicate = Callable[[DriveFile], bool]


class QueryError(ValueError):
    """The text is not a query."""


@dataclass(frozen=True, slots=True)
class Query:
    matches: Predicate
    full_text: bool
    """Whether full text is searched, which rules out sorting."""


_TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z][A-Za-z0-9]*)|(?P<op><=|>=|!=|[=<>(){}]))")
_TIMES = {"modifiedTime": "modified", "createdTime": "created", "viewedByMeTime": "viewed"}
_FLAGS = ("trashed", "starred", "sharedWithMe")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def parse(text: str, email: str) -> Query:
    """`email` is whose `me` and `sharedWithMe` it is. Raises QueryError."""
    if not text.strip():
        return Query(lambda _: True, False)
    parser = _Parser(text, email)
    predicate = parser.expression()
    if parser.peek() is not None:
        raise QueryError(f"unexpected {parser.peek()!r}")
    return Query(predicate, parser.full_text)


class _Parser:
    def __init__(self, text: str, email: str) -> None:
        self._tokens = _tokens(text)
        self._position = 0
        self._email = email
        self.full_text = False

    def peek(self) -> str | None:
        return self._tokens[self._position] if self._position < len(self._tokens) else None

    def _next(self) -> str:
        token = self.peek()
        if token is None:
            raise QueryError("the query ends early")
        self._position += 1
        return token

    def _expect(self, *wanted: str) -> str:
        token = self._next()
        if token not in wanted:
            raise QueryError(f"expected {' or '.join(wanted)}, found {token!r}")
        return token

    def _string(self) -> str:
        token = self._next()
        if not token.startswith("'"):
            raise QueryError(f"expected a quoted string, found {token!r}")
        return re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL)

    def expression(self) -> Predicate:
        left = self._unary()
        while self.peek() in ("and", "or"):
            left = _joined(self._next(), left, self._unary())
        return left

    def _unary(self) -> Predicate:
        if self.peek() == "not":
            self._next()
            inner = self._unary()
            return lambda file: not inner(file)
        if self.peek() == "(":
            self._next()
            inner = self.expression()
            self._expect(")")
            return inner
        return self._term()

    def _term(self) -> Predicate:
        token = self.peek() or ""
        if token.startswith("'"):
            return self._membership()
        name = self._next()
        if name in _FLAGS:
            return self._flag(name)
        if name in _TIMES:
            return self._time(_TIMES[name])
        if name == "fullText":
            self._expect("contains")
            self.full_text = True
            return _full_text(self._string())
        if name == "name":
            operator = self._expect("contains", "=", "!=")
            return _name(operator, self._string())
        if name == "mimeType":
            operator, value = self._expect("contains", "=", "!="), self._string()
            if operator == "contains":
                return lambda file: file.mime_type.startswith(value)
            return lambda file: _COMPARE[operator](file.mime_type, value)
        if name in ("properties", "appProperties"):
            return self._properties("properties" if name == "properties" else "app_properties")
        if name == "visibility":
            operator, value = self._expect("=", "!="), self._string()
            return lambda file: _COMPARE[operator](_visibility(file), value)
        raise QueryError(f"unknown field {name!r}")

    def _flag(self, name: str) -> Predicate:
        operator, wanted = "=", True
        if self.peek() in ("=", "!="):
            operator, wanted = self._next(), self._expect("true", "false") == "true"
        elif name != "sharedWithMe":
            raise QueryError(f"{name} needs = true or = false")
        email = self._email

        def matches(file: DriveFile) -> bool:
            if name == "sharedWithMe":
                shared = file.drive_id is None and file.owner != email
                return _COMPARE[operator](shared, wanted)
            return _COMPARE[operator](getattr(file, name), wanted)

        return matches

    def _time(self, attribute: str) -> Predicate:
        operator = self._expect(*_COMPARE)
        moment = _moment(self._string())

        def matches(file: DriveFile) -> bool:
            value = getattr(file, attribute)
            return value is not None and _COMPARE[operator](value, moment)

        return matches

    def _membership(self) -> Predicate:
        value = self._string()
        self._expect("in")
        where = self._expect("parents", "owners", "writers", "readers")
        if where == "parents":
            wanted = f"root:{self._email}" if value == "root" else value
            return lambda file: wanted in file.parents
        email = self._email if value == "me" else value
        return lambda file: _holds(file, where, email)

    def _properties(self, attribute: str) -> Predicate:
        self._expect("has")
        self._expect("{")
        self._expect("key")
        self._expect("=")
        key = self._string()
        self._expect("and")
        self._expect("value")
        self._expect("=")
        value = self._string()
        self._expect("}")
        return lambda file: getattr(file, attribute).get(key) == value


def _joined(word: str, left: Predicate, right: Predicate) -> Predicate:
    if word == "and":
        return lambda file: left(file) and right(file)
    return lambda file: left(file) or right(file)


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while position < len(text.rstrip()):
        found = _TOKEN.match(text, position)
        if found is None:
            raise QueryError(f"cannot read {text[position : position + 20]!r}")
        tokens.append(found.group(found.lastgroup or 0))
        position = found.end()
    return tokens


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise QueryError(f"{text!r} is not an RFC 3339 time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _name(operator: str, value: str) -> Predicate:
    if operator != "contains":
        return lambda file: _COMPARE[operator](file.name, value)
    wanted = words(value)
    # Only beginnings of words are found: HelloWorld has no word World.
    return lambda file: _runs(words(file.name), wanted, str.startswith)


def _full_text(value: str) -> Predicate:
    phrase = len(value) > 1 and value.startswith('"') and value.endswith('"')
    wanted = words(value)

    def matches(file: DriveFile) -> bool:
        have = words(f"{file.name} {file.description or ''} {file.text}")
        if phrase:
            return _runs(have, wanted, str.__eq__)
        return set(wanted) <= set(have)

    return matches


def _runs(have: list[str], wanted: list[str], same: Callable[[str, str], bool]) -> bool:
    """Whether `wanted` stands somewhere in `have`, word after word."""
    if not wanted:
        return False
    return any(
        all(same(have[start + offset], other) for offset, other in enumerate(wanted))
        for start in range(len(have) - len(wanted) + 1)
    )


def _holds(file: DriveFile, where: str, email: str) -> bool:
    if where == "owners":
        return file.owner == email
    roles = {permission.role for permission in file.permissions if permission.address == email}
    if file.owner == email:
        roles.add("owner")
    return bool(roles & {"owner", "writer"}) if where == "writers" else bool(roles)


def _visibility(file: DriveFile) -> str:
    kinds = {permission.kind for permission in file.permissions}
    return "anyoneWithLink" if "anyone" in kinds else "domainWithLink" if "domain" in kinds else "limited"
