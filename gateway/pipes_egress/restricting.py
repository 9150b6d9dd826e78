"""Arguments held to what a binding restricts them to, beyond the tool's own schema. What cannot be judged is refused.

Judged in this process, which many tenants share: `pipes_api.restrictions` bounds a restriction's size and what it
refers to, patterns are matched in linear time, and the work of both sizes together is bounded by `MOST_WORK`.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema_rs
import msgspec

from pipes_api import canonical, restrictions
from pipes_api.reasons import Reason
from pipes_catalog.definition import ToolDefinition
from pipes_policy import remedies
from pipes_policy.call import Denial

from .problems import Refused

log = logging.getLogger(__name__)

REMEMBERED = 512
MOST_WORK = 64 * 1024 * 1024
"""Bytes of the arguments' JSON times bytes of the restriction's: about a tenth of a second at the worst."""
LONGEST = 400
"""Characters of what is allowed, as it is told."""

ALLOWED = "Keep to what is allowed; only a person can allow more."

_SENTENCES = {
    "const": "must be {}",
    "enum": "must be one of {}",
    "type": "must be of type {}",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be above {}",
    "exclusiveMaximum": "must be below {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "pattern": "must match {}",
    "format": "must be of the format {}",
    "required": "must hold {}",
}

_Validator = jsonschema_rs.Draft202012Validator


class Restrictions:
    """Compiled restrictions, by tool definition and the digest of the restriction."""

    def __init__(self) -> None:
        self._validators: OrderedDict[tuple[str, str], _Validator | None] = OrderedDict()

    def hold(
        self, definition: ToolDefinition, schemas: Iterable[Mapping[str, Any]], arguments: Mapping[str, Any]
    ) -> None:
        """Hold arguments, defaults filled in, to every one of the restrictions.

        Raises:
            Refused: naming the argument and what is allowed; never what the call had there, which is not recorded.
        """
        size = len(msgspec.json.encode(arguments))
        for schema in schemas:
            most = MOST_WORK // len(msgspec.json.encode(schema))
            if size > most:
                text = f"the arguments have more than {most:,} bytes, too many to be held to a restriction"
                raise _refused(text, "Send less at once.")
            validator = self._validator(definition, schema)
            if validator is None:
                raise _refused("a restriction on the arguments cannot be applied", remedies.PERSON)
            if validator.is_valid(arguments):
                continue
            if size > most // 64:
                # What speaks against each alternative is gathered to tell an error: dear, where there is much of it.
                raise _refused("the arguments are not among what this connection is restricted to", ALLOWED)
            try:
                validator.validate(arguments)
            except jsonschema_rs.ValidationError as error:
                raise _refused(_told(schema, error), ALLOWED) from None
            raise _refused("the arguments are not among what this connection is restricted to", ALLOWED)

    def _validator(self, definition: ToolDefinition, schema: Mapping[str, Any]) -> _Validator | None:
        try:
            key = definition.hash, canonical.digest(schema)
        except (ValueError, RecursionError):
            return None
        if key not in self._validators:
            self._validators[key] = _compiled(definition, schema)
            if len(self._validators) > REMEMBERED:
                self._validators.popitem(last=False)
        return self._validators[key]


def _compiled(definition: ToolDefinition, schema: Mapping[str, Any]) -> _Validator | None:
    problem = next(restrictions.problems(schema, definition.input_schema), None)
    if problem is None:
        return restrictions.compiled(schema)
    place, rule = problem
    log.error("a restriction of %s cannot be applied: %s: %s", definition.name, restrictions.dotted(place), rule)
    return None


def _told(schema: Mapping[str, Any], error: jsonschema_rs.ValidationError) -> str:
    place = ".".join(str(each) for each in error.instance_path) or "the arguments"
    found = _at(schema, list(error.schema_path))
    if found is None:
        return f"{place}: not among what this connection is restricted to"
    keyword, value = found
    if keyword == "additionalProperties":
        return f"{place}: this connection is restricted to {_json(sorted(_at_parent(schema, error)))}"
    sentence = _SENTENCES.get(keyword, f"must satisfy {keyword} {{}}")
    return f"{place} {sentence.format(_json(value))}, as this connection is restricted"


def _at(schema: Any, path: list[str | int]) -> tuple[str, Any] | None:
    """The keyword that failed and its value; None when the path leads nowhere."""
    root, node = schema, schema
    for index, part in enumerate(path):
        try:
            value = node[part]
        except (KeyError, IndexError, TypeError):
            return None
        if index == len(path) - 1:
            return str(part), value
        node = root.get("$defs", {}).get(str(value).rpartition("/")[2]) if part == "$ref" else value
    return None


def _at_parent(schema: Any, error: jsonschema_rs.ValidationError) -> list[str]:
    path = [*error.schema_path][:-1]
    found = _at(schema, [*path, "properties"])
    return list(found[1]) if found is not None else []


def _json(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _refused(message: str, remedy: str) -> Refused:
    return Refused(Denial(reason=Reason.ARGUMENTS_NOT_ALLOWED, message=message, remedy=remedy))
