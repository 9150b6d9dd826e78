"""Templates written out: JSON in which references have become values, and operators what they make."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pipes_catalog.exchange import Condition
from pipes_catalog.references import REFERENCE, Reference, operator_of, references, whole

from ..problems import ArgumentRefused
from .filters import FILTERS, plain
from .message import encoded_message
from .scope import ABSENT, Scope, holds


def evaluate(template: Any, scope: Scope) -> Any:
    """Write a template out; ABSENT when it needs a value that is absent.

    Raises:
        ArgumentRefused: a value cannot stand where the template puts it.
    """
    if isinstance(template, str):
        return _text(template, scope)
    if isinstance(template, Mapping):
        operator = operator_of(template)
        return _OPERATORS[operator](template, scope) if operator else _object(template, scope)
    if isinstance(template, list | tuple):
        items = [item for each in template if (item := evaluate(each, scope)) is not ABSENT]
        return items if items or not template else ABSENT
    return template


def write(template: str, scope: Scope, encode: Callable[[str, str], str]) -> str | None:
    """Write a text out, each value passed through `encode(name, text)`; None when a value is absent."""
    values: dict[str, str] = {}
    for reference in references(template):
        value = filtered(reference, scope)
        if value is ABSENT:
            return None
        values[f"{reference.name}|{reference.filter}"] = encode(reference.name, plain(reference.name, value))
    if not values:
        return template
    return REFERENCE.sub(lambda match: values[f"{match[1]}|{match[2] or ''}"], template)


def filtered(reference: Reference, scope: Scope) -> Any:
    value = scope.get(reference)
    if value is ABSENT or not reference.filter:
        return value
    return FILTERS[reference.filter](reference.name, plain(reference.name, value))


def _text(template: str, scope: Scope) -> Any:
    only = whole(template)
    if only is not None:
        return filtered(only, scope)
    written = write(template, scope, lambda _, text: text)
    return ABSENT if written is None else written


def _object(template: Mapping[str, Any], scope: Scope) -> Any:
    return {name: value for name, each in template.items() if (value := evaluate(each, scope)) is not ABSENT}


def _literal(template: Mapping[str, Any], _: Scope) -> Any:
    return template["$literal"]


def _join(template: Mapping[str, Any], scope: Scope) -> Any:
    parts = evaluate(template["$parts"], scope)
    return template["$join"].join(str(part) for part in parts) if isinstance(parts, list) and parts else ABSENT


def _cases(template: Mapping[str, Any], scope: Scope) -> Any:
    for case in template["$cases"]:
        condition = msgspec.convert(case["when"], Condition) if "when" in case else None
        if condition is None or holds(condition, scope.get(Reference(condition.value))):
            return evaluate(case.get("value", ABSENT), scope)
    return ABSENT


def _each(template: Mapping[str, Any], scope: Scope) -> Any:
    items = evaluate(template["$each"], scope)
    if items is ABSENT:
        return ABSENT
    if not isinstance(items, list):
        raise ArgumentRefused(f"{template['$each']} must be a list".replace("{", "").replace("}", ""))
    made = (evaluate(template["$value"], scope.having(item=item)) for item in items)
    return [each for each in made if each is not ABSENT]


def _chunks(template: Mapping[str, Any], scope: Scope) -> Any:
    text, size = evaluate(template["$chunks"], scope), template["$size"]
    if text is ABSENT:
        return ABSENT
    text = plain("the text", text)
    # Providers count UTF-16 code units; where every character is one, so does a slice.
    if text.isascii() or max(text) <= "\uffff":
        return [text[start : start + size] for start in range(0, len(text), size)]
    chunks, chunk, room = [], "", size
    for character in text:
        units = 1 + (character > "\uffff")
        if units > room:
            chunks.append(chunk)
            chunk, room = "", size
        chunk += character
        room -= units
    return [*chunks, chunk]


def _split(template: Mapping[str, Any], scope: Scope) -> Any:
    text = evaluate(template["$split"], scope)
    if text is ABSENT:
        return ABSENT
    return [part for part in plain("the text", text).split(template["$by"]) if part]


def _message(template: Mapping[str, Any], scope: Scope) -> Any:
    return encoded_message(_object(template["$message"], scope))


_OPERATORS: dict[str, Callable[[Mapping[str, Any], Scope], Any]] = {
    "$literal": _literal,
    "$join": _join,
    "$cases": _cases,
    "$each": _each,
    "$chunks": _chunks,
    "$split": _split,
    "$message": _message,
}
