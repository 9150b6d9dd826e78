"""Linear's filters: comparators on members, filters of what a record names, `and` and `or`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .workspace import Record, View

_COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, given: value == given,
    "neq": lambda value, given: value != given,
    "in": lambda value, given: value in given,
    "nin": lambda value, given: value not in given,
    "gt": lambda value, given: value is not None and value > given,
    "gte": lambda value, given: value is not None and value >= given,
    "lt": lambda value, given: value is not None and value < given,
    "lte": lambda value, given: value is not None and value <= given,
    "null": lambda value, given: (value is None) == given,
    "contains": lambda value, given: given in (value or ""),
    "notContains": lambda value, given: given not in (value or ""),
    "containsIgnoreCase": lambda value, given: given.lower() in (value or "").lower(),
    "eqIgnoreCase": lambda value, given: (value or "").lower() == given.lower(),
    "startsWith": lambda value, given: (value or "").startswith(given),
    "endsWith": lambda value, given: (value or "").endswith(given),
}


def holds(view: View, record: Record, asked: Mapping[str, Any] | None) -> bool:
    """Whether all that the filter says is true of the record."""
    return all(_holds(view, record, name, wanted) for name, wanted in (asked or {}).items())


def _holds(view: View, record: Record, name: str, wanted: Any) -> bool:
    if wanted is None:
        return True
    if name == "and":
        return all(holds(view, record, each) for each in wanted)
    if name == "or":
        return any(holds(view, record, each) for each in wanted)
    if name == "null":
        return not wanted
    value = view.value(record, name)
    if isinstance(value, list):
        return _collection(view, value, wanted)
    if isinstance(value, Record):
        return holds(view, value, wanted)
    if value is None and not wanted.keys() & _COMPARATORS.keys():
        return not wanted
    return all(_COMPARATORS[each](value, given) for each, given in wanted.items() if given is not None)


def _collection(view: View, records: list[Record], wanted: Mapping[str, Any]) -> bool:
    """Of many: `some`, `every`, or the filter of one, of which some must hold."""
    if "every" in wanted and not all(holds(view, each, wanted["every"]) for each in records):
        return False
    if "some" in wanted and not any(holds(view, each, wanted["some"]) for each in records):
        return False
    rest = {name: value for name, value in wanted.items() if name not in ("some", "every")}
    return not rest or any(holds(view, each, rest) for each in records)
