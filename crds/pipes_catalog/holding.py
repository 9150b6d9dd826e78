"""Values held against an input schema, within bounds, for whoever shares a process with others."""

from typing import Any, NamedTuple

import jsonschema_rs

from .input_rules import compile_schema
from .spreading import spread

MOST_WORK = 20_000_000
"""Values times schemas: some tenths of a second at the worst."""
MOST_TOLD = 50_000
"""The same, up to which it is said where the error is: to gather all that speaks against a value is dear."""


class Problem(NamedTuple):
    """`place` is dotted, and empty for the whole."""

    place: str
    message: str


class InputSchema:
    """An input schema, compiled.

    Raises:
        jsonschema_rs.ValidationError, ValueError: not a schema, or one that makes too much work.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator = compile_schema(schema)
        self._spread = spread(schema)

    def problem(self, value: Any) -> Problem | None:
        """What is wrong with the value; None when nothing is."""
        work = self._spread * values_in(value)
        if work > MOST_WORK:
            return Problem("", "there are too many values in them to be checked; send less at once")
        if self._validator.is_valid(value):
            return None
        if work > MOST_TOLD:
            return Problem("", "they do not fit the tool's input schema, and are too many to say where")
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return Problem(".".join(str(each) for each in error.instance_path), error.message)
        return Problem("", "they do not fit the tool's input schema")


def values_in(value: Any) -> int:
    """How many values there are, with those in lists and objects. Level by level, so that depth costs no stack."""
    found, level = 0, [value]
    while level:
        found += len(level)
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
    return found
