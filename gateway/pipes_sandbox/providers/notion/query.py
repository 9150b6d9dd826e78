"""Filters and sorts of `POST /data_sources/{id}/query`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import errors, properties, richtext
from .properties import Property

Test = Callable[[Any], bool]

_TEXT: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda has, wanted: has == wanted,
    "does_not_equal": lambda has, wanted: has != wanted,
    "contains": lambda has, wanted: wanted.lower() in has.lower(),
    "does_not_contain": lambda has, wanted: wanted.lower() not in has.lower(),
    "starts_with": lambda has, wanted: has.lower().startswith(wanted.lower()),
    "ends_with": lambda has, wanted: has.lower().endswith(wanted.lower()),
}
_NUMBER: dict[str, Callable[[Any, Any], bool]] = {
    "equals": lambda has, wanted: has == wanted,
    "does_not_equal": lambda has, wanted: has != wanted,
    "greater_than": lambda has, wanted: has > wanted,
    "less_than": lambda has, wanted: has < wanted,
    "greater_than_or_equal_to": lambda has, wanted: has >= wanted,
    "less_than_or_equal_to": lambda has, wanted: has <= wanted,
}
_DATE: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda has, wanted: has[:10] == wanted[:10],
    "before": lambda has, wanted: has < wanted,
    "after": lambda has, wanted: has > wanted,
    "on_or_before": lambda has, wanted: has <= wanted,
    "on_or_after": lambda has, wanted: has >= wanted,
}
_TEXTUAL = ("title", "rich_text", "url", "email", "phone_number")
DEEPEST = 2
"""Notion takes groups of conditions nested so deep."""


def matcher(filter_: Any, schema: Mapping[str, Property], depth: int = 0) -> Test:
    """A test on a page. Raises RefusalError for a filter that Notion refuses."""
    if filter_ is None:
        return lambda _: True
    if not isinstance(filter_, dict):
        raise errors.invalid("body failed validation: body.filter should be an object.")
    for word, of in (("and", all), ("or", any)):
        if word in filter_:
            if depth >= DEEPEST:
                raise errors.invalid("body failed validation: body.filter is nested too deep.")
            tests = [matcher(each, schema, depth + 1) for each in filter_[word]]
            return lambda page, tests=tests, of=of: of(test(page) for test in tests)  # type: ignore[misc]
    if "timestamp" in filter_:
        name = filter_["timestamp"]
        test = _condition(Property(name, name, "date"), filter_.get(name))
        return lambda page: test({"start": getattr(page, name.removesuffix("_time"))})
    if "property" not in filter_:
        raise errors.invalid("body failed validation: body.filter.property should be defined, instead was `undefined`.")
    property_ = properties.find(schema, str(filter_["property"]))
    if property_.type not in filter_:
        kinds = [each for each in filter_ if each not in ("property", "type")]
        raise errors.invalid(
            f"database property {property_.type} does not match filter {kinds[0] if kinds else 'undefined'}"
        )
    test = _condition(property_, filter_[property_.type])
    return lambda page: test(page.properties.get(property_.id))


def _condition(property_: Property, condition: Any) -> Test:
    if not isinstance(condition, dict) or len(condition) != 1:
        raise errors.invalid(f"body failed validation: the filter on {property_.name} should have one condition.")
    ((word, wanted),) = condition.items()
    if word in ("is_empty", "is_not_empty"):
        return lambda value: (value in (None, [], "")) == (word == "is_empty")
    match property_.type:
        case kind if kind in _TEXTUAL and word in _TEXT:
            return lambda value: _TEXT[word](_text(value), str(wanted))
        case "number" if word in _NUMBER:
            return lambda value: value is not None and _NUMBER[word](value, wanted)
        case "checkbox" if word in ("equals", "does_not_equal"):
            return lambda value: (bool(value) == bool(wanted)) == (word == "equals")
        case "select" | "status" if word in ("equals", "does_not_equal"):
            return lambda value: ((value or {}).get("name") == wanted) == (word == "equals")
        case "multi_select" if word in ("contains", "does_not_contain"):
            return lambda value: any(each["name"] == wanted for each in value or ()) == (word == "contains")
        case "people" if word in ("contains", "does_not_contain"):
            return lambda value: any(each["id"] == wanted for each in value or ()) == (word == "contains")
        case "date" if word in _DATE:
            at = _moment(wanted)
            return lambda value: value is not None and _DATE[word](properties.moment(value["start"]), at)
    raise errors.invalid(f"body failed validation: {property_.type} has no condition `{word}`.")


def _moment(text: Any) -> str:
    try:
        return properties.moment(str(text))
    except ValueError:
        raise errors.invalid(f"body failed validation: `{text}` should be a valid ISO 8601 date string.") from None


def _text(value: Any) -> str:
    return richtext.plain(value) if isinstance(value, list) else str(value or "")


def ordered(pages: list[Any], sorts: Any, schema: Mapping[str, Property]) -> list[Any]:
    """Sorted by the first of the sorts, then the next; empty values last."""
    for each in reversed(sorts or []):
        direction = each.get("direction", "ascending") if isinstance(each, dict) else ""
        if direction not in ("ascending", "descending"):
            raise errors.invalid("body failed validation: body.sorts should have a direction, ascending or descending.")
        key = _key(each, schema)
        filled = [page for page in pages if key(page) is not None]
        empty = [page for page in pages if key(page) is None]
        pages = [*sorted(filled, key=key, reverse=direction == "descending"), *empty]
    return pages


def _key(sort: dict[str, Any], schema: Mapping[str, Property]) -> Callable[[Any], Any]:
    if "timestamp" in sort:
        name = str(sort["timestamp"]).removesuffix("_time")
        if name not in ("created", "last_edited"):
            raise errors.invalid("body failed validation: body.sorts has an unknown timestamp.")
        return lambda page: getattr(page, name)
    property_ = properties.find(schema, str(sort.get("property")))

    def key(page: Any) -> Any:
        value = page.properties.get(property_.id)
        if value in (None, []):
            return None
        if isinstance(value, dict):
            return value.get("name") or value.get("start")
        return _text(value).lower() if isinstance(value, list) and property_.type in _TEXTUAL else value

    return key
