"""`POST /crm/v3/objects/{type}/search`: words, groups of filters, one sort."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from . import errors
from .crm import Record
from .schema import Property

MOST_GROUPS, MOST_IN_GROUP, MOST_FILTERS = 5, 6, 18
WINDOW = 10_000
LARGEST_PAGE = 200

Test = Callable[[Record], bool]
_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "LT": lambda has, wanted: has < wanted,
    "LTE": lambda has, wanted: has <= wanted,
    "GT": lambda has, wanted: has > wanted,
    "GTE": lambda has, wanted: has >= wanted,
}


def found(records: list[Record], schema: Mapping[str, Property], body: Mapping[str, Any]) -> list[Record]:
    """What fits the words and at least one group, sorted. Raises RefusalError for what HubSpot refuses."""
    words = str(body.get("query") or "").lower().split()
    searched = [each.name for each in schema.values() if each.searched]
    groups = _groups(body.get("filterGroups") or [], schema)
    fitting = [
        each
        for each in records
        if all(any(word in (each.value(name) or "").lower() for name in searched) for word in words)
        and (not groups or any(all(test(each) for test in group) for group in groups))
    ]
    return _sorted(fitting, body.get("sorts") or [], schema)


def _groups(groups: Any, schema: Mapping[str, Property]) -> list[list[Test]]:
    if not isinstance(groups, list) or len(groups) > MOST_GROUPS:
        raise errors.invalid(f"Too many filterGroups: at most {MOST_GROUPS} are allowed")
    tests = []
    for group in groups:
        filters = group.get("filters") or [] if isinstance(group, dict) else []
        if len(filters) > MOST_IN_GROUP:
            raise errors.invalid(f"Too many filters in a group: at most {MOST_IN_GROUP} are allowed")
        tests.append([_test(each, schema) for each in filters])
    if sum(map(len, tests)) > MOST_FILTERS:
        raise errors.invalid(f"Too many filters: at most {MOST_FILTERS} are allowed")
    return tests


def _test(filter_: Mapping[str, Any], schema: Mapping[str, Property]) -> Test:
    name, operator = str(filter_.get("propertyName")), str(filter_.get("operator"))
    known = schema.get(name)
    if known is None:
        problem = {"message": f"Property {name} does not exist", "context": {"propertyName": [name]}}
        raise errors.invalid("There was a problem with the request.", errors=[problem])
    match operator:
        case "HAS_PROPERTY" | "NOT_HAS_PROPERTY":
            return lambda record: (record.value(name) is not None) == (operator == "HAS_PROPERTY")
        case "IN" | "NOT_IN":
            values = {str(each).lower() for each in _needed(filter_, "values")}
            return lambda record: _is_in(record.value(name), values) == (operator == "IN")
        case "BETWEEN":
            low, high = (_comparable(_needed(filter_, each), known) for each in ("value", "highValue"))
            return lambda record: (has := _of(record, known)) is not None and low <= has <= high
        case "EQ" | "NEQ":
            wanted = _comparable(_needed(filter_, "value"), known)
            return lambda record: (_of(record, known) == wanted) == (operator == "EQ")
        case "CONTAINS_TOKEN" | "NOT_CONTAINS_TOKEN":
            pattern = _token(str(_needed(filter_, "value")))
            return lambda record: bool(pattern.search(record.value(name) or "")) == (operator == "CONTAINS_TOKEN")
        case _ if operator in _ORDERED:
            limit, compare = _comparable(_needed(filter_, "value"), known), _ORDERED[operator]
            return lambda record: (has := _of(record, known)) is not None and compare(has, limit)
    raise errors.invalid(
        f"Invalid input JSON: {operator} is not one of the operators", context={"operator": [operator]}
    )


def _needed(filter_: Mapping[str, Any], name: str) -> Any:
    value = filter_.get(name)
    if value in (None, []):
        raise errors.invalid(f"The filter on {filter_.get('propertyName')} needs {name}")
    return value


def _is_in(value: str | None, values: set[str]) -> bool:
    return value is not None and value.lower() in values


def _of(record: Record, known: Property) -> Any:
    value = record.value(known.name)
    return None if value is None else _comparable(value, known)


def _comparable(value: Any, known: Property) -> Any:
    text = str(value)
    try:
        if known.type == "number":
            return float(text)
        if known.type == "datetime":
            if text.isdigit():
                return datetime.fromtimestamp(int(text) / 1000, UTC)
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        raise errors.invalid(f"{text} is not a valid {known.type} for {known.name}") from None
    return text.lower()


def _token(text: str) -> re.Pattern[str]:
    """Whole words; `*` stands for any part of one."""
    return re.compile(rf"(?<!\w){re.escape(text).replace(re.escape('*'), '.*')}(?!\w)", re.IGNORECASE)


def _sorted(records: list[Record], sorts: Any, schema: Mapping[str, Property]) -> list[Record]:
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise errors.invalid("Only one sort is allowed")
    for each in sorts:
        name, direction = (
            (each.get("propertyName"), each.get("direction", "ASCENDING"))
            if isinstance(each, dict)
            else (each, "ASCENDING")
        )
        known = schema.get(str(name))
        if known is None or direction not in ("ASCENDING", "DESCENDING"):
            raise errors.invalid(f"Cannot sort by {name}, {direction}")
        filled = [record for record in records if _of(record, known) is not None]
        rest = [record for record in records if _of(record, known) is None]
        filled.sort(key=lambda record, known=known: _of(record, known), reverse=direction == "DESCENDING")  # type: ignore[misc]
        records = [*filled, *rest]
    return records
