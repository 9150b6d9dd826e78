"""JQL, as far as it selects by fields, words and dates, and orders.

Grammar: `or := and {OR and}`, `and := not {AND not}`, `not := [NOT] (clause | "(" or ")")`,
`clause := field operator value`, with `ORDER BY` behind it all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from . import errors
from .site import PRIORITIES, STATUSES, Issue, Person, Site

Test = Callable[[Issue], bool]

_TOKEN = re.compile(r"""\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(!=|>=|<=|!~|[=<>~(),])|([^\s=<>~!(),"']+))""")
_WORDS = frozenset({"and", "or", "not", "in", "is", "order", "by", "empty", "null", "asc", "desc"})
_RELATIVE = re.compile(r"(-?[0-9]+)([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TEXTS: dict[str, Callable[[Issue], str]] = {
    "summary": lambda each: each.summary,
    "description": lambda each: each.description or "",
    "comment": lambda each: "\n".join(said.body for said in each.comments),
}


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    quoted: bool = False

    @property
    def word(self) -> str:
        """Lower case when it may be a keyword."""
        return "" if self.quoted else self.text.lower()


@dataclass(frozen=True, slots=True)
class Query:
    holds: Test
    order: tuple[tuple[str, bool], ...]
    """Fields and whether the largest comes first."""
    bounded: bool


def parsed(text: str, site: Site, person: Person) -> Query:
    """Raises RefusalError, in Jira's words, for what is no JQL or names what is not there."""
    return _Parser(_tokens(text), site, person).query()


def ordered(issues: list[Issue], query: Query) -> list[Issue]:
    for name, descending in reversed(query.order or (("created", True),)):
        issues = sorted(issues, key=lambda each: _sort_key(each, name), reverse=descending)
    return issues


def _sort_key(issue: Issue, name: str) -> Any:
    if name == "priority":
        return -PRIORITIES.index(issue.priority)
    if name in ("key", "issuekey"):
        project, _, number = issue.key.rpartition("-")
        return project, int(number)
    return str(getattr(issue, {"due": "duedate", "issuetype": "type"}.get(name, name), "") or "")


def _tokens(text: str) -> list[Token]:
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise _wrong(f"the character '{text[place:].strip()[0]}' is not expected")
        if match[1]:
            found.append(Token(re.sub(r"\\(.)", r"\1", match[1][1:-1]), quoted=True))
        else:
            found.append(Token(match[2] or match[3]))
        place = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[Token], site: Site, person: Person) -> None:
        self._tokens = tokens
        self._place = 0
        self._site = site
        self._person = person

    def query(self) -> Query:
        bounded = self._word() not in ("", "order")
        test = self._or() if bounded else lambda _: True
        order: list[tuple[str, bool]] = []
        if self._take("order"):
            self._expect("by")
            while True:
                name = self._next().text.lower()
                descending = bool(self._take("desc"))
                order.append((name, descending))
                if not descending:
                    self._take("asc")
                if not self._take(","):
                    break
        if self._place < len(self._tokens):
            raise _wrong(f"expecting either 'OR' or 'AND' but got '{self._tokens[self._place].text}'")
        return Query(test, tuple(order), bounded)

    def _or(self) -> Test:
        tests = [self._and()]
        while self._take("or"):
            tests.append(self._and())
        return lambda each: any(test(each) for test in tests)

    def _and(self) -> Test:
        tests = [self._not()]
        while self._take("and"):
            tests.append(self._not())
        return lambda each: all(test(each) for test in tests)

    def _not(self) -> Test:
        if self._take("not"):
            test = self._not()
            return lambda each: not test(each)
        if self._take("("):
            test = self._or()
            self._expect(")")
            return test
        return self._clause()

    def _clause(self) -> Test:
        name = self._next().text.lower()
        if self._take("is"):
            negative = bool(self._take("not"))
            if self._next().word not in ("empty", "null"):
                raise _wrong("expecting EMPTY or NULL")
            return lambda each: (not self._values(name, each)) != negative
        negative = bool(self._take("not"))
        if self._take("in"):
            values = self._list()
            return lambda each: bool(self._values(name, each) & values) != negative
        operator, value = self._next().text, self._value(name)
        return self._comparison(name, operator, value)

    def _comparison(self, name: str, operator: str, value: str) -> Test:
        if operator in ("~", "!~"):
            texts = list(_TEXTS.values()) if name == "text" else [_TEXTS[name]] if name in _TEXTS else []
            if not texts:
                raise _wrong(f"The operator '{operator}' is not supported by the '{name}' field.", whole=True)
            words = value.lower().strip('"').split()
            return lambda each: (
                all(any(word in text(each).lower() for text in texts) for word in words) == (operator == "~")
            )
        if name in ("created", "updated", "due", "duedate"):
            return _by_date(name, operator, value)
        if operator not in ("=", "!="):
            raise _wrong(f"The operator '{operator}' is not supported by the '{name}' field.", whole=True)
        return lambda each: (value.lower() in self._values(name, each)) == (operator == "=")

    def _list(self) -> set[str]:
        self._expect("(")
        values = {self._value("").lower()}
        while self._take(","):
            values.add(self._value("").lower())
        self._expect(")")
        return values

    def _value(self, name: str) -> str:
        token = self._next()
        if self._take("("):
            self._expect(")")
            if token.text.lower() != "currentuser":
                raise _wrong(f"Unable to find JQL function '{token.text}()'.", whole=True)
            return self._person.account_id
        known = {"project": self._projects(), "status": {each.lower() for each in STATUSES}}.get(name)
        if known is not None and token.text.lower() not in known:
            raise _wrong(f"The value '{token.text}' does not exist for the field '{name}'.", whole=True)
        return token.text

    def _projects(self) -> set[str]:
        seen = self._site.seen_by(self._person)
        return {text.lower() for each in seen for text in (each.key, each.name, each.id)}

    def _values(self, name: str, issue: Issue) -> set[str]:
        """What an issue has in that field, in lower case; empty when it has nothing."""
        project = self._site.projects[issue.project]
        values: dict[str, tuple[str | None, ...]] = {
            "project": (project.key, project.name, project.id),
            "key": (issue.key, issue.id),
            "issuekey": (issue.key, issue.id),
            "id": (issue.key, issue.id),
            "status": (issue.status, STATUSES[issue.status].id),
            "statuscategory": (STATUSES[issue.status].category, STATUSES[issue.status].key),
            "issuetype": (issue.type,),
            "type": (issue.type,),
            "priority": (issue.priority,),
            "assignee": (issue.assignee,),
            "reporter": (issue.reporter,),
            "labels": tuple(issue.labels),
            "parent": (issue.parent,),
            "resolution": (issue.resolution or "Unresolved",),
            "due": (issue.duedate,),
            "duedate": (issue.duedate,),
        }
        if name not in values:
            raise _wrong(f"Field '{name}' does not exist or you do not have permission to view it.", whole=True)
        return {each.lower() for each in values[name] if each}

    def _word(self) -> str:
        return self._tokens[self._place].word if self._place < len(self._tokens) else ""

    def _take(self, word: str) -> bool:
        if self._word() == word:
            self._place += 1
            return True
        return False

    def _next(self) -> Token:
        if self._place >= len(self._tokens):
            raise _wrong("unexpected end of the query")
        self._place += 1
        return self._tokens[self._place - 1]

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise _wrong(f"expecting '{word}' but got '{self._word()}'")


def _by_date(name: str, operator: str, value: str) -> Test:
    moment = _moment(value)
    member = {"due": "duedate"}.get(name, name)
    tests: dict[str, Callable[[str], bool]] = {
        "=": lambda text: text[: len(moment)] == moment,
        ">": lambda text: text[:16] > moment,
        ">=": lambda text: text[:16] >= moment,
        "<": lambda text: text[:16] < moment,
        "<=": lambda text: text[: len(moment)] <= moment,
    }
    if operator not in tests:
        raise _wrong(f"The operator '{operator}' is not supported by the '{name}' field.", whole=True)
    return lambda each: bool(getattr(each, member)) and tests[operator](str(getattr(each, member)))


def _moment(value: str) -> str:
    """`2026-01-31`, `2026-01-31 12:00` or relative to now, `-7d`; comparable with the beginning of Jira's dates."""
    if match := _RELATIVE.match(value):
        when = datetime.now(UTC) + timedelta(**{_UNITS[match[2]]: int(match[1])})
        return when.isoformat()[:16]
    text = value.replace("/", "-").replace(" ", "T")
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?", text):
        return text
    raise _wrong(f"Date value '{value}' for field is invalid.", whole=True)


def _wrong(what: str, *, whole: bool = False) -> Exception:
    return errors.refused(400, what if whole else f"Error in the JQL Query: {what}.")
