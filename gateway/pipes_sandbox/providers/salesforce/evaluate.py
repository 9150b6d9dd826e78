"""A SOQL tree over an org's records."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pipes_sandbox.providers.salesforce import dates, errors, ids
from pipes_sandbox.providers.salesforce.org import Org, Record
from pipes_sandbox.providers.salesforce.schema import OBJECTS, Field, SObject, find
from pipes_sandbox.providers.salesforce.soql import Condition, Logic, Moment, Query, Word

Predicate = Callable[[Record], bool]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


@dataclass(frozen=True, slots=True)
class Path:
    """A field, reached over zero or more references."""

    hops: tuple[Field, ...]
    field: Field

    def read(self, org: Org, record: Record | None) -> Any:
        for hop in self.hops:
            record = org.records[hop.reference_to].get((record or {}).get(hop.name) or "")
        return None if record is None else record.get(self.field.name)


class Evaluator:
    def __init__(self, org: Org, *, deleted: bool, today: dt.date) -> None:
        self._org = org
        self._deleted = deleted
        self._today = today

    def sobject(self, query: Query) -> SObject:
        sobject = find(query.sobject)
        if sobject is None:
            raise errors.invalid_type(query.sobject)
        return sobject

    def path(self, sobject: SObject, text: str, alias: str = "") -> Path:
        """Raises RefusalError 400 INVALID_FIELD when there is no such field."""
        parts = text.split(".")
        if len(parts) > 1 and parts[0].lower() in (alias.lower(), sobject.name.lower()):
            relationship = sobject.by_relationship(parts[0])
            parts = parts if relationship is not None and parts[0].lower() != alias.lower() else parts[1:]
        hops: list[Field] = []
        here = sobject
        for name in parts[:-1]:
            hop = here.by_relationship(name)
            if hop is None:
                message = f"\nDidn't understand relationship '{name}' in field path."
                raise errors.refused(400, "INVALID_FIELD", message)
            hops.append(hop)
            here = OBJECTS[hop.reference_to]
        field = here.find(parts[-1])
        if field is None:
            raise errors.invalid_field(parts[-1], here.name)
        return Path(tuple(hops), field)

    def records(self, query: Query) -> list[Record]:
        """Everything the query finds, sorted and cut."""
        sobject = self.sobject(query)
        # A copy, since records come and go on the event loop while this runs in a thread.
        pool: Iterable[Record] = list(self._org.records[sobject.name].values())
        if not (self._deleted or query.all_rows):
            pool = (record for record in pool if not record["IsDeleted"])
        predicate = self._predicate(query.where, sobject, query.alias) if query.where is not None else None
        found = [record for record in pool if predicate is None or predicate(record)]
        for text, descending, last in reversed(query.order_by):
            path = self.path(sobject, text, query.alias)
            found.sort(key=self._sort_key(path, descending, last), reverse=descending)
        end = None if query.limit is None else query.offset + query.limit
        return found[query.offset : end]

    def _sort_key(self, path: Path, descending: bool, last: bool) -> Callable[[Record], Any]:
        # Ascending puts nulls first unless told otherwise; reversing turns the flag around as well.
        null_rank = (1 if last else -1) * (-1 if descending else 1)

        def key(record: Record) -> Any:
            value = path.read(self._org, record)
            if value is None:
                return (null_rank, "")
            return (0, value.lower() if isinstance(value, str) else value)

        return key

    def _predicate(self, node: Any, sobject: SObject, alias: str) -> Predicate:
        if isinstance(node, Logic):
            parts = [self._predicate(part, sobject, alias) for part in node.parts]
            if node.operator == "NOT":
                return lambda record: not parts[0](record)
            combine = all if node.operator == "AND" else any
            return lambda record: combine(part(record) for part in parts)
        assert isinstance(node, Condition)
        path = self.path(sobject, node.path, alias)
        if node.operator in ("IN", "NOT IN"):
            return self._membership(node, path)
        if node.operator == "LIKE":
            return self._like(node, path)
        if isinstance(node.value, Word) and node.value.text not in ("TRUE", "FALSE", "NULL"):
            return self._in_span(node, path)
        wanted = self._literal(path.field, node.value, node.operator)
        return self._compare(path, node.operator, wanted)

    def _compare(self, path: Path, operator: str, wanted: Any) -> Predicate:
        org = self._org

        def matches(record: Record) -> bool:
            value = path.read(org, record)
            if operator == "=":
                return _same(value, wanted)
            if operator == "!=":
                return not _same(value, wanted)
            if value is None or wanted is None:
                return False
            if isinstance(value, str):
                return _COMPARE[operator](value.lower(), wanted.lower())
            return _COMPARE[operator](value, wanted)

        return matches

    def _membership(self, node: Condition, path: Path) -> Predicate:
        if isinstance(node.value, Query):
            inner = node.value
            if len(inner.paths) != 1:
                raise errors.malformed_query("a semi-join selects exactly one field")
            source = self.path(self.sobject(inner), inner.paths[0], inner.alias)
            values = [source.read(self._org, record) for record in self.records(inner)]
        else:
            values = [self._literal(path.field, value, "=") for value in node.value]
        wanted = {value.lower() if isinstance(value, str) else value for value in values}
        positive = node.operator == "IN"

        def matches(record: Record) -> bool:
            value = path.read(self._org, record)
            return ((value.lower() if isinstance(value, str) else value) in wanted) == positive

        return matches

    def _like(self, node: Condition, path: Path) -> Predicate:
        if not path.field.textual or not isinstance(node.value, str):
            message = f"\ninvalid operator on {path.field.name} field"
            raise errors.refused(400, "INVALID_QUERY_FILTER_OPERATOR", message)
        pattern = re.escape(node.value).replace("%", ".*").replace("_", ".")
        wanted = re.compile(pattern, re.IGNORECASE | re.DOTALL)
        return lambda record: wanted.fullmatch(str(path.read(self._org, record) or "")) is not None

    def _in_span(self, node: Condition, path: Path) -> Predicate:
        """Date literals mean spans: `=` is inside, `<` before the first day, `>` after the last."""
        if path.field.kind not in ("date", "datetime"):
            raise _wrong_type(path.field)
        first, after = dates.span(node.value.text, self._today)

        def day(record: Record) -> dt.date | None:
            value = path.read(self._org, record)
            return value.date() if isinstance(value, dt.datetime) else value

        def matches(record: Record) -> bool:
            value = day(record)
            if value is None:
                return node.operator == "!="
            match node.operator:
                case "=":
                    return first <= value < after
                case "!=":
                    return not first <= value < after
                case "<":
                    return value < first
                case "<=":
                    return value < after
                case ">":
                    return value >= after
            return value >= first

        return matches

    def _literal(self, field: Field, value: Any, operator: str) -> Any:
        """The value in the field's own type. Raises RefusalError 400 when it cannot be."""
        if isinstance(value, Word):
            if value.text == "NULL":
                return None
            if field.kind == "boolean" and value.text in ("TRUE", "FALSE"):
                return value.text == "TRUE"
            raise _wrong_type(field)
        if isinstance(value, Moment):
            if field.kind == "date" and "T" not in value.text:
                return dt.date.fromisoformat(value.text)
            if field.kind == "datetime" and "T" in value.text:
                return dt.datetime.fromisoformat(value.text)
            raise _wrong_type(field)
        if isinstance(value, str):
            if not field.textual:
                raise _wrong_type(field)
            if field.kind in ("id", "reference") and value:
                if (normal := ids.normal(value)) is None:
                    message = f"\ninvalid ID field: {value}"
                    raise errors.refused(400, "INVALID_QUERY_FILTER_OPERATOR", message)
                return normal
            return value
        if field.kind not in ("currency", "percent"):
            raise _wrong_type(field)
        return value


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, str) and isinstance(wanted, str):
        return value.lower() == wanted.lower()
    if wanted == "" and value is None:
        return True
    return bool(value == wanted)


def _wrong_type(field: Field) -> Exception:
    kind = "string and should be enclosed in quotes" if field.textual else field.kind
    return errors.refused(
        400, "INVALID_FIELD", f"\nvalue of filter criterion for field '{field.name}' must be of type {kind}"
    )
