"""Arguments held against a tool's input schema, with an answer that names the field."""

from typing import Any

import jsonschema_rs

MAXIMUM_TEXT = 300


class ArgumentSchema:
    """A JSON Schema (2020-12) of one of our own tools, compiled once."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator = jsonschema_rs.Draft202012Validator(schema)

    def problem(self, arguments: dict[str, Any]) -> str | None:
        """What is wrong, beginning with the field (`bindings[0].access`); None when nothing is."""
        error = next(iter(self._validator.iter_errors(arguments)), None)
        if error is None:
            return None
        return f"{_field(list(error.instance_path))}: {error.message[:MAXIMUM_TEXT]}"


def _field(path: list[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "arguments"
