"""Restrictions: JSON Schemas (2020-12) that a tool's arguments must satisfy beyond its own input schema.

A validator passes over what it does not know and over what does not apply: a
misspelt keyword, a format, an argument of another name, `maximum` for a text.
In a restriction each of these would allow everything unseen. So `problems`
holds a restriction to the vocabulary below and to the tool it is for, and
refuses whatever could never say no. `compiled` is the one way to a validator.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from . import canonical

LARGEST_BYTES = 16 * 1024
DEEPEST = 12
MOST_SCHEMAS = 500
"""Counted with every `$ref` followed, so that references into each other cannot make a small text a large work."""

FORMATS = frozenset(
    {"date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid"}
)
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ANNOTATIONS = frozenset({"title", "description", "$comment"})
_ANY = frozenset({"null", "boolean", "object", "array", "number", "string"})
_OBJECT, _ARRAY, _NUMBER, _STRING = (frozenset({each}) for each in ("object", "array", "number", "string"))
_APPLIES_TO = {
    **dict.fromkeys(("type", "const", "enum", "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref"), _ANY),
    **dict.fromkeys(("properties", "additionalProperties", "propertyNames", "required"), _OBJECT),
    **dict.fromkeys(("minProperties", "maxProperties", "dependentRequired", "dependentSchemas"), _OBJECT),
    **dict.fromkeys(("items", "prefixItems", "contains", "minContains", "maxContains"), _ARRAY),
    **dict.fromkeys(("minItems", "maxItems", "uniqueItems"), _ARRAY),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _NUMBER),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), _STRING),
}
"""Keyword → types of values it can say no to. Any other keyword is refused."""

_RULES = {
    "format": f"must be one of {', '.join(sorted(FORMATS))}",
    "pattern": "is no pattern in RE2 syntax, which has no look-around and no back-references",
}
"""What to say in the place of a validator that tells its own configuration."""

_COMPANIONS = {"then": ("if",), "else": ("if",), "minContains": ("contains",), "maxContains": ("contains",)}
_NOTHING_AT_ZERO = frozenset({"minLength", "minItems", "minProperties", "minContains", "uniqueItems"})
_SAME_VALUE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")

Place = tuple[str | int, ...]
Schema = Mapping[str, Any]


class RestrictionInvalid(ValueError):  # noqa: N818 - reads as what happened
    """It cannot be compiled, so nothing satisfies it. `place` is where in the schema."""

    def __init__(self, place: Place, rule: str) -> None:
        super().__init__(f"{dotted(place)}: {rule}" if place else rule)
        self.place = place
        self.rule = rule


def compiled(schema: Schema) -> jsonschema_rs.Draft202012Validator:
    """A validator that fetches nothing, asserts formats, and matches patterns in linear time.

    Raises:
        RestrictionInvalid: not a schema, a pattern that needs backtracking, an unknown format, a remote reference.
    """
    try:
        return jsonschema_rs.Draft202012Validator(
            dict(schema),
            pattern_options=jsonschema_rs.RegexOptions(),
            validate_formats=True,
            ignore_unknown_formats=False,
            offline=True,
        )
    except jsonschema_rs.ValidationError as error:
        place = tuple(error.instance_path)
        rule = _RULES.get(str(place[-1]) if place else "", _one_line(str(error)))
        raise RestrictionInvalid(place, rule) from None
    except ValueError as error:
        raise RestrictionInvalid((), _one_line(str(error))) from None


def problems(schema: Schema, tool: Schema) -> Iterator[tuple[Place, str]]:
    """What is wrong with a restriction of a tool with that input schema: the place, and what to write."""
    try:
        size = len(canonical.dumps(schema))
    except (ValueError, RecursionError):
        yield (), "has no canonical JSON form: leave out integers beyond 2^53, and nest less"
        return
    if size > LARGEST_BYTES:
        yield (), f"has {size} bytes; at most {LARGEST_BYTES} are allowed"
        return
    try:
        compiled(schema)
    except RestrictionInvalid as error:
        yield error.place, error.rule
        return
    yield from _Walk(schema).schema(schema, tool, _OBJECT, ())


def loose(schema: Schema, tool: Schema) -> tuple[str, ...]:
    """Arguments that the restriction speaks of, but which a call may leave out, and so escape it."""
    present = {*schema.get("required", ()), *tool.get("required", ())}
    arguments = tool.get("properties") or {}
    return tuple(
        name
        for name, each in (schema.get("properties") or {}).items()
        if each is not False and name not in present and "default" not in (arguments.get(name) or {})
    )


def dotted(place: Place) -> str:
    return ".".join(str(each) for each in place)


@dataclass
class _Walk:
    """One look through a restriction, side by side with the tool's input schema as far as that is known."""

    root: Schema
    seen: int = 0
    following: list[str] = field(default_factory=list)

    def schema(
        self, schema: Any, tool: Schema | None, types: frozenset[str] | None, place: Place
    ) -> Iterator[tuple[Place, str]]:
        """`types`: what the value can be; None where that is not known."""
        self.seen += 1
        if self.seen > MOST_SCHEMAS or len(place) > 2 * DEEPEST:
            if self.seen == MOST_SCHEMAS + 1 or len(place) > 2 * DEEPEST:
                yield place[:DEEPEST], "holds too many schemas, or nests them too deeply"
            return
        if schema is False:
            return
        if not isinstance(schema, Mapping):
            yield place, "says nothing: write what must hold, or leave it out"
            return
        unknown = [each for each in schema if each not in _APPLIES_TO and each not in _ANNOTATIONS]
        for each in unknown:
            yield from self._unknown(each, schema[each], place)
        asserted = [each for each in schema if each in _APPLIES_TO]
        before, types = types, _narrowed(types, schema.get("type"))
        if not unknown and (not asserted or (asserted == ["type"] and before is not None and before == types)):
            yield place, "says nothing: write what must hold, or leave it out"
        for each in asserted:
            yield from self._keyword(each, schema, types, place)
        yield from self._parts(schema, tool, types, place)

    def _unknown(self, keyword: str, value: Any, place: Place) -> Iterator[tuple[Place, str]]:
        if not place and ((keyword == "$schema" and value == _DIALECT) or keyword == "$defs"):
            return
        where = (*place, keyword)
        if keyword in ("$defs", "$schema"):
            yield where, f"is allowed at the top only ({_DIALECT} is the only dialect)"
        else:
            yield where, f"{keyword[:40]!r} is not a keyword that this product asserts"

    def _keyword(
        self, keyword: str, schema: Schema, types: frozenset[str] | None, place: Place
    ) -> Iterator[tuple[Place, str]]:
        value, where = schema[keyword], (*place, keyword)
        if not value and (keyword in _NOTHING_AT_ZERO or isinstance(value, Mapping | list)) and keyword != "const":
            yield where, "says nothing: write what must hold, or leave it out"
        if any(each not in schema for each in _COMPANIONS.get(keyword, ())):
            yield where, f"means nothing without {_COMPANIONS[keyword][0]}"
        if keyword == "if" and "then" not in schema and "else" not in schema:
            yield where, "means nothing without then or else"
        if keyword == "format" and value not in FORMATS:
            yield where, _RULES["format"]
        applies = _APPLIES_TO[keyword]
        if applies is not _ANY:
            if types is None:
                yield where, f"add the type ({_words(applies)}), since the tool does not say what it is"
            elif not types <= applies:
                yield (
                    where,
                    f"says nothing about {_words(types - applies)} values: it is for {_words(applies)} values only",
                )
        if keyword in ("const", "enum") and types is not None:
            values = [value] if keyword == "const" else value if isinstance(value, list) else []
            if values and not any(_type_of(each) in types for each in values):
                yield where, f"can never hold: the argument is of type {_words(types)}"

    def _parts(
        self, schema: Schema, tool: Schema | None, types: frozenset[str] | None, place: Place
    ) -> Iterator[tuple[Place, str]]:
        known = tool.get("properties") if tool is not None else None
        known = known if isinstance(known, Mapping) else {}
        closed = tool is not None and tool.get("additionalProperties") is False
        for names_at, name in _names(schema):
            if closed and name not in known:
                has = ", ".join(sorted(known)[:20]) or "none"
                yield (*place, *names_at), f"there is no argument {name[:60]!r} here; there is: {has}"
        for name, each in _mapping(schema.get("properties")):
            if name in known or not closed:
                part = known.get(name)
                yield from self.schema(each, _node(part), _types_of(part), (*place, "properties", name))
        for name, each in _mapping(schema.get("dependentSchemas")):
            yield from self.schema(each, tool, types, (*place, "dependentSchemas", name))
        for keyword in _SAME_VALUE:
            value = schema.get(keyword)
            if isinstance(value, list):
                for index, each in enumerate(value):
                    yield from self.schema(each, tool, types, (*place, keyword, index))
            elif keyword in schema:
                yield from self.schema(value, tool, types, (*place, keyword))
        for keyword, of in (
            ("additionalProperties", "additionalProperties"),
            ("items", "items"),
            ("contains", "items"),
        ):
            if keyword in schema:
                part = tool.get(of) if tool is not None else None
                yield from self.schema(schema[keyword], _node(part), _types_of(part), (*place, keyword))
        for index, each in enumerate(schema.get("prefixItems") or ()):
            part = tool.get("items") if tool is not None else None
            yield from self.schema(each, _node(part), _types_of(part), (*place, "prefixItems", index))
        if "propertyNames" in schema:
            yield from self.schema(schema["propertyNames"], None, _STRING, (*place, "propertyNames"))
        if "$ref" in schema:
            yield from self._reference(schema["$ref"], tool, types, (*place, "$ref"))

    def _reference(
        self, reference: Any, tool: Schema | None, types: frozenset[str] | None, place: Place
    ) -> Iterator[tuple[Place, str]]:
        prefix, _, name = str(reference).rpartition("/")
        target = (self.root.get("$defs") or {}).get(name)
        if prefix != "#/$defs" or target is None:
            yield place, "must name a schema of $defs at the top, like #/$defs/folder"
        elif name in self.following:
            yield place, "leads back to itself"
        else:
            self.following.append(name)
            yield from self.schema(target, tool, types, place)
            self.following.pop()


def _names(schema: Schema) -> Iterator[tuple[Place, str]]:
    """Every argument that the schema names, and where."""
    for name, _ in _mapping(schema.get("properties")):
        yield ("properties", name), name
    for index, name in enumerate(schema.get("required") or ()):
        yield ("required", index), str(name)
    for keyword in ("dependentRequired", "dependentSchemas"):
        for name, needed in _mapping(schema.get(keyword)):
            yield (keyword, name), name
            if isinstance(needed, list):
                yield from (((keyword, name, index), str(each)) for index, each in enumerate(needed))


def _mapping(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()


def _node(value: Any) -> Schema | None:
    return value if isinstance(value, Mapping) else None


def _types_of(tool: Any) -> frozenset[str] | None:
    """What the tool's own schema lets the value be; None where it does not say."""
    if not isinstance(tool, Mapping):
        return None
    if "const" in tool:
        return frozenset({_type_of(tool["const"])})
    if isinstance(tool.get("enum"), list):
        return frozenset(_type_of(each) for each in tool["enum"])
    return _narrowed(None, tool.get("type"))


def _narrowed(types: frozenset[str] | None, named: Any) -> frozenset[str] | None:
    if named is None:
        return types
    listed = named if isinstance(named, list) else [named]
    own = frozenset("number" if each == "integer" else str(each) for each in listed)
    return own if types is None else own & types


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    kinds = ((str, "string"), (int | float, "number"), (list, "array"), (Mapping, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def _words(types: frozenset[str]) -> str:
    return " or ".join(sorted(types)) or "value"


def _one_line(text: str) -> str:
    return text.splitlines()[0][:200] if text else "is not a JSON Schema"
