"""SOQL text into a tree.

Raises RefusalError 400 MALFORMED_QUERY for what is not SOQL, or is SOQL beyond the sandbox.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from pipes_sandbox.providers.salesforce import errors

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?)"
    r"|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][\w.]*(?::\d+)?)"
    r"|(?P<op><=|>=|!=|<>|[=<>(),]))"
)
_AGGREGATES = ("COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX")
_OPERATORS = ("=", "!=", "<>", "<", "<=", ">", ">=")
_CLAUSES = ("WHERE", "WITH", "GROUP", "ORDER", "LIMIT", "OFFSET", "FOR", "UPDATE", "ALL", "HAVING", "USING")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


@dataclass(frozen=True, slots=True)
class Aggregate:
    function: str
    path: str
    """Empty for `COUNT()`."""
    alias: str


@dataclass(frozen=True, slots=True)
class Word:
    """A literal that is not quoted: true, false, null or a date literal."""

    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    path: str
    operator: str
    value: Any
    """A string, number, Word or Moment, a list of them, or a Query for a semi-join."""


@dataclass(frozen=True, slots=True)
class Logic:
    operator: str
    """AND, OR or NOT."""
    parts: tuple[Any, ...]


@dataclass(slots=True)
class Query:
    sobject: str = ""
    alias: str = ""
    paths: list[str] = field(default_factory=list)
    aggregates: list[Aggregate] = field(default_factory=list)
    children: list[Query] = field(default_factory=list)
    every_field: bool = False
    where: Any = None
    group_by: list[str] = field(default_factory=list)
    order_by: list[tuple[str, bool, bool]] = field(default_factory=list)
    """Path, whether descending, whether nulls come last."""
    limit: int | None = None
    offset: int = 0
    purpose: str = ""
    """VIEW or REFERENCE: the query leaves a mark on the records it finds."""
    all_rows: bool = False

    @property
    def counts_only(self) -> bool:
        return len(self.aggregates) == 1 and self.aggregates[0].path == "" and not self.paths


def parse(text: str) -> Query:
    parser = _Parser(_tokens(text))
    query = parser.query()
    if parser.peek():
        raise errors.malformed_query(f"unexpected token: '{parser.peek()}'")
    return query


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise errors.malformed_query(f"line 1:{position} no viable alternative at character '{text[position]}'")
        kind = found.lastgroup or ""
        tokens.append((kind, found.group(kind)))
        position = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self, ahead: int = 0) -> str:
        index = self._at + ahead
        return self._tokens[index][1] if index < len(self._tokens) else ""

    def _kind(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self.peek()
        if not token:
            raise errors.malformed_query("unexpected token: '<EOF>'")
        self._at += 1
        return token

    def _is(self, *words: str) -> bool:
        return all(self.peek(index).upper() == word for index, word in enumerate(words))

    def _take(self, *words: str) -> bool:
        if not self._is(*words):
            return False
        self._at += len(words)
        return True

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise errors.malformed_query(f"expecting {word}, found '{self.peek() or '<EOF>'}'")

    def _path(self) -> str:
        if self._kind() != "word" or ":" in self.peek():
            raise errors.malformed_query(f"unexpected token: '{self.peek() or '<EOF>'}'")
        return self._next()

    def _number(self) -> int:
        token = self._next()
        if not token.isdigit():
            raise errors.malformed_query(f"unexpected token: '{token}'")
        return int(token)

    def query(self) -> Query:
        query = Query()
        self._need("SELECT")
        self._item(query)
        while self._take(","):
            self._item(query)
        self._need("FROM")
        query.sobject = self._path()
        self._take("AS")
        if self._kind() == "word" and self.peek().upper() not in _CLAUSES:
            query.alias = self._path()
        self._clauses(query)
        return query

    def _item(self, query: Query) -> None:
        if self._take("("):
            query.children.append(self.query())
            self._need(")")
            return
        name = self._path()
        if not self._take("("):
            query.paths.append(name)
            if self._kind() == "word" and self.peek().upper() != "FROM":
                raise errors.malformed_query("only aggregate expressions use field aliasing")
            return
        function = name.upper()
        if function == "FIELDS":
            if self._next().upper() not in ("ALL", "STANDARD", "CUSTOM"):
                raise errors.malformed_query("unexpected FIELDS argument")
            self._need(")")
            query.every_field = True
            return
        if function not in _AGGREGATES:
            raise errors.malformed_query(f"unexpected token: '{name}'")
        path = "" if self._is(")") else self._path()
        if not path and function != "COUNT":
            raise errors.malformed_query(f"{function} needs a field")
        self._need(")")
        alias = f"expr{len(query.aggregates)}"
        if self._kind() == "word" and self.peek().upper() != "FROM":
            alias = self._path()
        query.aggregates.append(Aggregate(function, path, alias))

    def _clauses(self, query: Query) -> None:
        if self._take("WHERE"):
            query.where = self._logic()
        if self._take("WITH"):
            mode = self._next().upper()
            if mode not in ("SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"):
                raise errors.malformed_query(f"unexpected token: '{mode}'")
        if self._take("GROUP", "BY"):
            query.group_by.append(self._path())
            while self._take(","):
                query.group_by.append(self._path())
        if self._take("ORDER", "BY"):
            self._order(query)
            while self._take(","):
                self._order(query)
        if self._take("LIMIT"):
            query.limit = self._number()
        if self._take("OFFSET"):
            query.offset = self._number()
            if query.offset > 2000:
                raise errors.refused(400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        if self._take("FOR"):
            query.purpose = self._next().upper()
            if query.purpose not in ("VIEW", "REFERENCE"):
                raise errors.malformed_query(f"unexpected token: '{query.purpose}'")
        if self._take("ALL", "ROWS"):
            query.all_rows = True

    def _order(self, query: Query) -> None:
        path = self._path()
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        last = self._take("NULLS", "LAST")
        if not last:
            self._take("NULLS", "FIRST")
        query.order_by.append((path, descending, last))

    def _logic(self) -> Any:
        """AND and OR may not be mixed without parentheses: SOQL refuses to guess."""
        parts, operator = [self._negation()], ""
        while self._is("AND") or self._is("OR"):
            word = self._next().upper()
            if operator and word != operator:
                raise errors.malformed_query(f"unexpected token: '{word}'; use parentheses around AND and OR")
            operator = word
            parts.append(self._negation())
        return Logic(operator, tuple(parts)) if operator else parts[0]

    def _negation(self) -> Any:
        if self._take("NOT"):
            return Logic("NOT", (self._negation(),))
        if self._take("("):
            inner = self._logic()
            self._need(")")
            return inner
        return self._condition()

    def _condition(self) -> Condition:
        path = self._path()
        if self._is("NOT", "IN") or self._is("IN"):
            operator = "NOT IN" if self._take("NOT") else "IN"
            self._need("IN")
            self._need("(")
            value: Any = self.query() if self._is("SELECT") else self._values()
            self._need(")")
            return Condition(path, operator, value)
        if self._take("LIKE"):
            return Condition(path, "LIKE", self._value())
        operator = self._next()
        if operator not in _OPERATORS:
            raise errors.malformed_query(f"unexpected token: '{operator}'")
        return Condition(path, "!=" if operator == "<>" else operator, self._value())

    def _values(self) -> list[Any]:
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        return values

    def _value(self) -> Any:
        kind, token = self._kind(), self._next()
        if kind == "string":
            return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), token[1:-1], flags=re.DOTALL)
        if kind == "number":
            return float(token) if "." in token else int(token)
        if kind == "moment":
            return Moment(token)
        if kind == "word":
            return Word(token.upper())
        raise errors.malformed_query(f"unexpected token: '{token}'")
