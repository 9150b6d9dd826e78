"""What the references of a template stand for, and templates written out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipes_catalog.exchange import Condition
from pipes_catalog.references import REFERENCE, Reference, references, whole

from ..problems import ArgumentRefused

ABSENT = msgspec.UNSET


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Values by name: arguments, and the spaces `endpoint`, `call`, `lookup`, `job` and `page`."""

    arguments: Mapping[str, Any]
    spaces: Mapping[str, Any] = field(default_factory=dict)

    def having(self, **spaces: Any) -> "Scope":
        return Scope(arguments=self.arguments, spaces={**self.spaces, **spaces})

    def get(self, reference: Reference) -> Any:
        """The value, or ABSENT. A JSON null that was given is None, and not absent."""
        if not reference.space:
            return follow(self.arguments, reference.name)
        return follow(self.spaces.get(reference.space, ABSENT), reference.name.partition(".")[2])


def follow(value: Any, path: str) -> Any:
    """The value at a dotted path; numbers are places in lists. ABSENT when there is none."""
    while path:
        if isinstance(value, Mapping):
            if path in value:  # a member may have a dot in its name: `@odata.nextLink`
                return value[path]
            first, _, path = path.partition(".")
            value = value.get(first, ABSENT)
        elif isinstance(value, list):
            first, _, path = path.partition(".")
            value = value[int(first)] if first.isascii() and first.isdigit() and int(first) < len(value) else ABSENT
        else:
            return ABSENT
    return value


def holds(condition: Condition, value: Any) -> bool:
    """Whether all that the condition says is true of the value."""
    if condition.present is not ABSENT and condition.present != (value is not ABSENT and value is not None):
        return False
    if condition.equals is not ABSENT and (value is ABSENT or value != condition.equals):
        return False
    if condition.one_of is not ABSENT and value not in condition.one_of:
        return False
    if condition.contains is not ABSENT and not (isinstance(value, str | list) and condition.contains in value):
        return False
    return condition.starts_with is ABSENT or (isinstance(value, str) and value.startswith(condition.starts_with))


def evaluate(template: Any, scope: Scope) -> Any:
    """Write a template out; ABSENT when it needs a value that is absent.

    Raises:
        ArgumentRefused: a value cannot stand where the template puts it.
    """
    if isinstance(template, str):
        return _text(template, scope)
    if isinstance(template, Mapping):
        return _object(template, scope)
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
        values[reference.name + "|" + reference.filter] = encode(reference.name, _plain(reference.name, value))
    return REFERENCE.sub(lambda match: values[f"{match[1]}|{match[2] or ''}"], template)


def filtered(reference: Reference, scope: Scope) -> Any:
    value = scope.get(reference)
    if value is ABSENT or not reference.filter:
        return value
    return _FILTERS[reference.filter](reference.name, _plain(reference.name, value))


def _text(template: str, scope: Scope) -> Any:
    only = whole(template)
    if only is not None:
        return filtered(only, scope)
    written = write(template, scope, lambda _, text: text)
    return ABSENT if written is None else written


def _object(template: Mapping[str, Any], scope: Scope) -> Any:
    if "$literal" in template:
        return template["$literal"]
    if "$join" in template:
        parts = evaluate(template["$parts"], scope)
        return template["$join"].join(str(part) for part in parts) if isinstance(parts, list) and parts else ABSENT
    if "$cases" in template:
        for case in template["$cases"]:
            condition = msgspec.convert(case["when"], Condition) if "when" in case else None
            if condition is None or holds(condition, scope.get(Reference(condition.value))):
                return evaluate(case["value"], scope)
        return ABSENT
    return {name: value for name, each in template.items() if (value := evaluate(each, scope)) is not ABSENT}


def _plain(name: str, value: Any) -> str:
    """The value as text within a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ArgumentRefused(f"{name} must be text or a number here")


def _identifier(name: str, text: str) -> str:
    _no_control(name, text)
    return '"' + text.replace('"', '""') + '"'


def _quoted(name: str, text: str) -> str:
    _no_control(name, text)
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _no_control(name: str, text: str) -> None:
    if not text or any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ArgumentRefused(f"{name} must be text without control characters")


_FILTERS: dict[str, Callable[[str, str], str]] = {"identifier": _identifier, "quoted": _quoted}
