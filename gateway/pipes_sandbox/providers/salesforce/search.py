"""Searches by words: SOSL, and the same said in JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipes_sandbox.call import RefusalError
from pipes_sandbox.providers.salesforce import errors
from pipes_sandbox.providers.salesforce.evaluate import Evaluator
from pipes_sandbox.providers.salesforce.org import Org, Record
from pipes_sandbox.providers.salesforce.results import Results
from pipes_sandbox.providers.salesforce.schema import OBJECTS, Field, SObject
from pipes_sandbox.providers.salesforce.soql import parse

_KINDS = {"NAME": ("Name",), "EMAIL": ("email",), "PHONE": ("phone",)}
_FIND = re.compile(r"\s*FIND\s*\{(?P<words>(?:[^{}\\]|\\.)*)\}(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_IN = re.compile(r"\s*IN\s+(?P<group>\w+)\s+FIELDS\b", re.IGNORECASE)
_LIMIT = re.compile(r"\s*LIMIT\s+(?P<limit>\d+)\s*", re.IGNORECASE)
_SHORTEST = 2
_MOST = 2000

Test = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to return of one object; `rest` is SOQL from WHERE on."""

    sobject: str
    fields: str = "Id"
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    words: str
    group: str
    wanted: tuple[Wanted, ...]
    limit: int


def of_sosl(text: str) -> Search:
    """Raises RefusalError 400 for what is not SOSL, or is SOSL beyond the stand-in."""
    found = _FIND.fullmatch(text)
    if found is None:
        raise _malformed("No search term found. The search term must be enclosed in braces.")
    rest, group, limit = found["rest"], "ALL", _MOST
    wanted: list[Wanted] = []
    if within := _IN.match(rest):
        group, rest = within["group"].upper(), rest[within.end() :]
    if returning := re.match(r"\s*RETURNING\b", rest, re.IGNORECASE):
        wanted, rest = _returning(rest[returning.end() :])
    if cut := _LIMIT.match(rest):
        limit, rest = int(cut["limit"]), rest[cut.end() :]
    if rest.strip():
        raise _malformed(f"unexpected token: {rest.split()[0]}")
    return Search(found["words"], group, tuple(wanted), limit)


def _returning(text: str) -> tuple[list[Wanted], str]:
    wanted = []
    while named := re.match(r"\s*([A-Za-z]\w*)\s*", text):
        text, fields, rest = text[named.end() :], "Id", ""
        if text.startswith("("):
            inside, text = _enclosed(text)
            parts = re.match(r"(.*?)(\s(?:WHERE|ORDER|LIMIT|OFFSET)\b.*)?$", inside, re.IGNORECASE | re.DOTALL)
            assert parts is not None
            fields, rest = parts[1].strip() or "Id", parts[2] or ""
        wanted.append(Wanted(named[1], fields, rest))
        if not text.lstrip().startswith(","):
            return wanted, text
        text = text.lstrip()[1:]
    raise _malformed("expecting an object after RETURNING")


def _enclosed(text: str) -> tuple[str, str]:
    """What is in the first pair of brackets, and what follows."""
    depth, quoted, at = 0, False, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "'":
            quoted = not quoted
        elif not quoted and text[at] in "()":
            depth += 1 if text[at] == "(" else -1
            if depth == 0:
                return text[1:at], text[at + 1 :]
        at += 1
    raise _malformed("expecting a closing bracket")


def of_json(body: Mapping[str, Any]) -> Search:
    """`{q, in, fields, sobjects: [{name, fields, limit, where}], overallLimit, defaultLimit}`."""
    words, objects = body.get("q"), body.get("sobjects") or []
    if not isinstance(words, str) or not isinstance(objects, list):
        raise errors.refused(400, "MISSING_ARGUMENT", "q parameter is required")
    common = body.get("fields") or ["Id"]
    wanted = []
    for each in objects:
        if not isinstance(each, dict) or not isinstance(each.get("name"), str):
            raise errors.refused(400, "JSON_PARSER_ERROR", "sobjects must be a list of objects with a name")
        where = f" WHERE {each['where']}" if each.get("where") else ""
        limit = each.get("limit") or body.get("defaultLimit")
        rest = where + (f" LIMIT {int(limit)}" if limit else "")
        wanted.append(Wanted(each["name"], ", ".join(each.get("fields") or common), rest))
    return Search(words, str(body.get("in") or "ALL").upper(), tuple(wanted), int(body.get("overallLimit") or _MOST))


def run(search: Search, org: Org, evaluator: Evaluator, base: str) -> list[dict[str, Any]]:
    """Records that fit, object by object."""
    if search.group not in ("ALL", "SIDEBAR", *_KINDS):
        raise _malformed(f"unknown search group {search.group}")
    test = _test(search.words)
    wanted = search.wanted or tuple(Wanted(name) for name in OBJECTS)
    results = Results(org, evaluator, base)
    found: list[dict[str, Any]] = []
    for each in wanted:
        # The conditions and the limit are for what fits the words, so the limit is applied here.
        query = parse(f"SELECT {each.fields} FROM {each.sobject}{each.rest}")  # noqa: S608 - SOQL, over records in memory
        sobject = evaluator.sobject(query)
        fitting = {record["Id"] for record in org.live(sobject) if test(_text(sobject, record, search.group))}
        limit, query.limit = query.limit, None
        rows = [row for row in results.rows(query) if _id_of(row) in fitting]
        found += rows[:limit]
    return found[: search.limit]


def _id_of(row: Mapping[str, Any]) -> str:
    return str(row["attributes"]["url"]).rpartition("/")[2]


def _text(sobject: SObject, record: Record, group: str) -> str:
    return " ".join(str(record.get(each.name) or "") for each in _searched(sobject, group)).lower()


def _searched(sobject: SObject, group: str) -> Iterator[Field]:
    kinds = _KINDS.get(group)
    for each in sobject.fields:
        if kinds is None:
            if each.textual and each.kind not in ("id", "reference"):
                yield each
        elif each.kind in kinds or each.name in kinds:
            yield each


def _test(words: str) -> Test:
    """Words joined by AND unless OR stands between; `*` is the rest of a word, quotes hold a phrase together."""
    terms = re.findall(r'"[^"]*"|(?:\\.|[^\s"\\])+', words)
    alternatives: list[list[Test]] = [[]]
    refuse = False
    for term in terms:
        if term.upper() == "OR":
            alternatives.append([])
        elif term.upper() == "NOT":
            refuse = True
        elif term.upper() != "AND":
            made = _term(re.sub(r"\\(.)", r"\1", term.strip('"')))
            alternatives[-1].append(_not(made) if refuse else made)
            refuse = False
    if len(re.sub(r'[*?"\s\\]', "", words)) < _SHORTEST or not all(alternatives):
        raise _malformed("search term must be longer than one character: " + words)
    return lambda text: any(all(test(text) for test in tests) for tests in alternatives)


def _term(term: str) -> Test:
    pattern = re.escape(term.lower()).replace(r"\*", r"[^\s]*").replace(r"\?", r"[^\s]")
    found = re.compile(rf"(?<![^\W_]){pattern}(?![^\W_])")
    return lambda text: found.search(text) is not None


def _not(test: Test) -> Test:
    return lambda text: not test(text)


def _malformed(message: str) -> RefusalError:
    return errors.refused(400, "MALFORMED_SEARCH", message)
