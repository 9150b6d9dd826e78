"""What a provider publishes about its API, whatever the format it was read from."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]
"""JSON Schema as descriptions use it: `type`, `enum`, `properties`, `items`, `allOf`, `oneOf`, `anyOf`, `$ref` …"""

OBJECT_OR_LIST = ("object", "array")

PARAMETER = re.compile(r"\{([^{}]+)\}")
"""A parameter in a path; what stands beside it in its segment is part of the path (`{range}:append`)."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a path, of a query, or a header."""

    name: str
    place: str
    """`path`, `query` or `header`."""
    schema: Schema
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `scopes`: OAuth scopes of which one is enough, where the description tells them.

    `answer`: the schema of an answer of success in JSON, where it was read.
    """

    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Schema | None = None
    body_required: bool = False
    scopes: tuple[str, ...] = ()
    answer: Schema | None = None

    def named(self, place: str) -> dict[str, Parameter]:
        return {each.name: each for each in self.parameters if each.place == place}


@dataclass(frozen=True)
class Description:
    """All operations, and the schemas that `$ref` points to, by the text of the reference."""

    operations: Sequence[Operation]
    schemas: Mapping[str, Schema] = field(default_factory=dict)

    def find(self, method: str, path: str) -> Operation | None:
        """The operation of a path such as `/users/{id}`, whatever its parameters are called.

        A plain segment fits a parameter as well (`/calendars/primary`); the operation with more plain segments wins.
        """
        fitting = [each for each in self.operations if each.method == method and _same_shape(path, each.path)]
        return max(fitting, key=lambda each: (_alike(path, each.path), -each.path.count("{")), default=None)

    def resolved(self, schema: Schema) -> Schema:
        """The schema itself, references followed and `allOf` made one."""
        seen = 0
        while isinstance(schema.get("$ref"), str) and seen < 20:
            schema, seen = (
                {**self.schemas[schema["$ref"]], **{k: v for k, v in schema.items() if k != "$ref"}},
                seen + 1,
            )
        if "allOf" in schema:
            schema = self._united(schema)
        return schema

    def alternatives(self, schema: Schema) -> Iterator[Schema]:
        """What a value may be: the schema, or each of what `oneOf` and `anyOf` offer."""
        schema = self.resolved(schema)
        offered = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
        # Alternatives that only say which members must be there add nothing to what members there are.
        real = [each for each in offered if set(each) - {"required"}]
        if not real:
            yield schema
            return
        rest = {name: value for name, value in schema.items() if name not in ("oneOf", "anyOf")}
        for each in real:
            for found in self.alternatives(each):
                yield _merged(rest, found)

    def _united(self, schema: Schema) -> Schema:
        united: Schema = {name: value for name, value in schema.items() if name != "allOf"}
        for each in schema["allOf"]:
            united = _merged(united, self.resolved(each))
        return united


def _merged(first: Schema, second: Schema) -> Schema:
    merged = {**first, **second}
    properties = {**first.get("properties", {}), **second.get("properties", {})}
    required = [*first.get("required", ()), *second.get("required", ())]
    return {
        **merged,
        **({"properties": properties} if properties else {}),
        **({"required": required} if required else {}),
    }


def segments(path: str) -> list[str]:
    """The last may be empty: a path that ends in a slash."""
    return path.removeprefix("/").split("/")


def _same_shape(template: str, described: str) -> bool:
    ours, theirs = segments(template), segments(described)
    return len(ours) == len(theirs) and all(
        PARAMETER.fullmatch(their) or _unnamed(our) == _unnamed(their) for our, their in zip(ours, theirs, strict=True)
    )


def _alike(template: str, described: str) -> int:
    """How many segments are the same but for names: `{range}:append` is rather that than some `{range}`."""
    return sum(map(str.__eq__, map(_unnamed, segments(template)), map(_unnamed, segments(described))))


def _unnamed(segment: str) -> str:
    return PARAMETER.sub("{}", segment)
