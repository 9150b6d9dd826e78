"""What an input schema must be, so that no MCP client drops the tool, or the server with it.

Clients are known to reject a server's whole tool list over one schema without
`type: object` or with a combinator at the top.
"""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from .lines import Path
from .spreading import spread

DEEPEST = 12
_TELLING = ("type", "enum", "const", "oneOf", "anyOf", "$ref")
_COMBINATORS = ("anyOf", "oneOf", "allOf", "not", "if", "$ref")


def input_schema_rules(schema: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Each rule that the schema breaks, with the place."""
    if schema.get("type") != "object":
        yield ("type",), "must be object"
    if not isinstance(schema.get("properties"), dict):
        yield ("properties",), "must be there, even if it is empty"
    if schema.get("additionalProperties") is not False:
        yield ("additionalProperties",), "must be false, so that an argument nobody declared is refused"
    for keyword in _COMBINATORS:
        if keyword in schema:
            yield (keyword,), "is not allowed at the top of an input schema"
    for name, each in (schema.get("properties") or {}).items():
        if not isinstance(each, dict) or not each.get("description"):
            yield ("properties", name), "must have a description"
    for name in schema.get("required") or ():
        if name not in (schema.get("properties") or {}):
            yield ("required",), f"names {name!r}, which is not a property"
    yield from _references(schema, ())
    for name, each in (schema.get("properties") or {}).items():
        yield from _inner(each, ("properties", name))
    try:
        compile_schema(schema)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        yield (), f"is not a JSON Schema: {str(error).splitlines()[0]}"


def _inner(schema: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Rules for what is inside an argument: nothing is open by oversight.

    An object that is free-form on purpose (the fields of a record) says so with an `additionalProperties` of its own.
    """
    if not isinstance(schema, dict) or len(path) > DEEPEST:
        return
    if not any(keyword in schema for keyword in _TELLING):
        yield path, f"must have one of {', '.join(_TELLING)}: without, it would accept anything"
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if ("object" in kinds or "properties" in schema) and "additionalProperties" not in schema:
        yield (*path, "additionalProperties"), "must be false, or a schema (or true) for an object that is free-form"
    if "array" in kinds and "items" not in schema and "prefixItems" not in schema:
        yield (*path, "items"), "must say what the entries are"
    for keyword in ("properties", "$defs", "patternProperties"):
        members = schema.get(keyword)
        for name, each in members.items() if isinstance(members, dict) else ():
            yield from _inner(each, (*path, keyword, name))
    if isinstance(schema.get("items"), dict):
        yield from _inner(schema["items"], (*path, "items"))
    for keyword in ("oneOf", "anyOf", "prefixItems"):
        alternatives = schema.get(keyword)
        for index, each in enumerate(alternatives if isinstance(alternatives, list) else ()):
            # An alternative may do no more than require: the type is then told beside it.
            if isinstance(each, dict) and ("type" in each or "properties" in each):
                yield from _inner(each, (*path, keyword, index))


def compile_schema(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """A validator that never fetches anything, matches patterns in linear time, and makes bounded work.

    Raises:
        jsonschema_rs.ValidationError, ValueError: not a schema, or `spreading.TooMuchWork`.
    """
    validator = jsonschema_rs.Draft202012Validator(schema, pattern_options=jsonschema_rs.RegexOptions(), offline=True)
    spread(schema)
    return validator


def _references(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if len(path) > DEEPEST:
        yield path[:DEEPEST], f"is nested more than {DEEPEST} levels deep"
        return
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str) and not value["$ref"].startswith("#/"):
            yield (*path, "$ref"), "must point into the schema itself"
        for name, each in value.items():
            yield from _references(each, (*path, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _references(each, (*path, index))
