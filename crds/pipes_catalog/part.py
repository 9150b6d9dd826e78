"""What every piece of a tool definition is made of."""

from typing import Any

import msgspec

from pipes_api.resources import Value


class Part(Value, forbid_unknown_fields=True):
    """Base of everything a tool definition holds: what a reader does not know, it refuses."""


class Condition(Part):
    """True when the value at `value` equals, is one of, begins with, holds or is present as said; all that are given.

    `contains`: a text that has this in it, or a list that has it as an entry.
    """

    value: str
    equals: Any = msgspec.UNSET
    one_of: tuple[Any, ...] | msgspec.UnsetType = msgspec.UNSET
    starts_with: str | msgspec.UnsetType = msgspec.UNSET
    contains: str | msgspec.UnsetType = msgspec.UNSET
    present: bool | msgspec.UnsetType = msgspec.UNSET
