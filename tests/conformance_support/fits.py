"""Whether what a tool accepts is what the provider takes."""

from collections.abc import Iterator
from typing import Any

from .description import Description, Schema

_BOUNDS = (("maximum", 1), ("maxLength", 1), ("maxItems", 1), ("minimum", -1), ("minLength", -1))
"""Limits of the provider that a tool's input schema must not exceed, and in which direction."""

COMPOSED = "x-composed"
"""Marks the schema of a text that a template makes of several values: its length is nobody's."""

_WIDER = {"integer": {"integer", "number"}, "number": {"number"}, "boolean": {"boolean"}}


def misfits(ours: Schema, theirs: Schema, description: Description, *, written: bool = False) -> list[str]:
    """Why values of the schema `ours` would not be taken where the provider has `theirs`; empty when they are.

    `written`: the value is written out as text, in a path or a query, where a number is as good as its digits.
    """
    complaints = [list(_misfits(ours, each, description, written)) for each in description.alternatives(theirs)]
    return min(complaints, key=len, default=[])


def _misfits(ours: Schema, theirs: Schema, description: Description, written: bool) -> Iterator[str]:
    for kind in types(ours):
        if not _fits(kind, types(theirs), written):
            yield f"is {kind}, described as {' or '.join(sorted(types(theirs)))}"
            return
    yield from _values(ours, theirs)
    yield from _bounds(ours, theirs)
    if "array" in types(ours) and "items" in ours and "items" in theirs:
        yield from (f"entry {each}" for each in misfits(ours["items"], theirs["items"], description, written=written))
    yield from _members(ours, theirs, description)


def _bounds(ours: Schema, theirs: Schema) -> Iterator[str]:
    if COMPOSED in ours or "enum" in ours:
        return
    for name, direction in _BOUNDS:
        limit = theirs.get(name)
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            continue
        own = ours.get(name, 0 if name == "minLength" else None)
        if "const" in ours:
            own = ours["const"] if name in ("maximum", "minimum") else len(ours["const"])
        if own is None:
            yield f"has no {name}, described as {limit}"
        elif (own - limit) * direction > 0:
            yield f"has the {name} {own}, described as {limit}"


def _values(ours: Schema, theirs: Schema) -> Iterator[str]:
    offered = theirs.get("enum")
    if not offered:
        return
    own = ours.get("enum", [ours["const"]] if "const" in ours else None)
    if own is None and "boolean" not in types(ours):
        yield f"may be anything, described as one of {offered}"
    elif own is not None and (unknown := [each for each in own if each is not None and each not in offered]):
        yield f"may be {unknown}, described as one of {offered}"


def _members(ours: Schema, theirs: Schema, description: Description) -> Iterator[str]:
    described = theirs.get("properties")
    if not isinstance(ours.get("properties"), dict) or not described:
        return
    for name, schema in ours["properties"].items():
        if name not in described:
            if not theirs.get("additionalProperties"):
                yield f"has a member {name}, which is not described"
        else:
            yield from (f"member {name} {each}" for each in misfits(schema, described[name], description))
    for name in theirs.get("required", ()):
        if name not in ours.get("required", ()) and "default" not in ours["properties"].get(name, {}):
            yield f"need not have the member {name}, described as required"


def types(schema: Schema) -> set[str]:
    """The JSON types a schema allows; empty when it does not say."""
    said: Any = schema.get("type")
    if said is None:
        values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
        found = {type_of(each) for each in values}
        return found or ({"object"} if "properties" in schema else {"array"} if "items" in schema else set())
    kinds = set(said) if isinstance(said, list) else {str(said)}
    if schema.get("nullable"):
        kinds.add("null")
    return set() if "any" in kinds else kinds


def type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
    return "object"


def _fits(kind: str, described: set[str], written: bool) -> bool:
    if not described or kind in described or _WIDER.get(kind, {kind}) & described:
        return True
    return written and (kind in ("integer", "number", "boolean") and "string" in described)
