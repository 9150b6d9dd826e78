"""What the references of a template stand for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipes_catalog.exchange import Condition
from pipes_catalog.references import Reference

ABSENT = msgspec.UNSET


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """Values by name: arguments, and the spaces `endpoint`, `call`, `lookup`, `job`, `page` and `item`."""

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
