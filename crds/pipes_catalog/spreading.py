"""How much work a schema makes of one value. A validator has no bound of its own: thirty references to each other,
in a kilobyte, are a billion schemas to it, and it may end its process for want of memory.

Counted as a validator goes about it: every `$ref` followed, each time. A schema may refer to itself only where no value
is reached twice that way, so that the work grows with the value and not with the power of its depth.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

MOST_SCHEMAS = 4_000
DEEPEST = 100
MOST_RETURNS = 64

_SAME_VALUE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else")
_BY_NAME = ("dependentSchemas", "dependencies")
_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")
_TIMES = 4
"""What `unevaluated…` has looked at again, at every level."""

_MEMBER, _ITEM, _NAME = "member", "item", "name"
_OF_ANY = {
    **dict.fromkeys(("additionalProperties", "unevaluatedProperties", "patternProperties"), _MEMBER),
    **dict.fromkeys(("items", "unevaluatedItems", "contains"), _ITEM),
    "propertyNames": _NAME,
}

Step = tuple[str, str | int | None]
"""From a value to one within it; None is any."""
Steps = tuple[Step, ...]


class TooMuchWork(ValueError):  # noqa: N818 - reads as what happened
    """No value may be held against the schema; the sentence says why."""


def spread(schema: dict[str, Any]) -> int:
    """Schemas that one value is held against at most, references followed.

    Raises:
        TooMuchWork: they are too many, or have no bound.
    """
    walk = _Walk(schema)
    found = walk.definition("#", schema, (), 0)
    walk.must_be_bounded()
    return found


class _Walk:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._seen = 0
        self._open: dict[str, Steps] = {}
        """Definitions that are being looked into, outermost first, and the steps to them."""
        self._known: set[str] = set()
        self._returns: dict[str, list[Steps]] = {}
        """How each comes back to itself."""
        self._within: set[tuple[str, str]] = set()

    def definition(self, name: str, schema: Any, steps: Steps, depth: int) -> int:
        self._open[name] = steps
        found = self._cost(schema, steps, depth)
        del self._open[name]
        self._known.add(name)
        return found

    def must_be_bounded(self) -> None:
        """Whoever comes back to itself does so on ways that never meet."""
        for name, ways in self._returns.items():
            for index, one in enumerate(ways):
                if any(_meet(one, other) for other in ways[:index]):
                    raise TooMuchWork("it refers to itself in two ways for the same value")
            if any(outer in self._returns and inner in self._returns for outer, inner in self._within if name == inner):
                raise TooMuchWork("it refers to itself within what refers to itself")

    def _cost(self, schema: Any, steps: Steps, depth: int) -> int:
        self._seen += 1
        if self._seen > MOST_SCHEMAS or depth > DEEPEST:
            raise TooMuchWork(
                f"it makes more than {MOST_SCHEMAS:,} schemas, or nests more than {DEEPEST} levels, references followed"
            )
        if not isinstance(schema, dict):
            return 1
        if steps and isinstance(schema.get("$id"), str):
            raise TooMuchWork("it has an $id of its own within")
        times = _TIMES if any(each in schema for each in _UNEVALUATED) else 1
        found = 1 + times * sum(self._cost(each, (*steps, *step), depth + 1) for step, each in _parts(schema))
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in schema:
                found += times * self._referred(schema[keyword], steps, depth)
        if found > MOST_SCHEMAS:
            raise TooMuchWork(f"it makes more than {MOST_SCHEMAS:,} schemas, references followed")
        return found

    def _referred(self, reference: Any, steps: Steps, depth: int) -> int:
        name = str(reference)
        if name not in self._open:
            return self.definition(name, self._at(name), steps, depth + 1)
        names = list(self._open)
        place = names.index(name)
        self._within |= {(outer, name) for outer in names[:place]} | {(name, inner) for inner in names[place + 1 :]}
        way = steps[len(self._open[name]) :]
        if not way:
            raise TooMuchWork("it refers to itself for the same value")
        ways = self._returns.setdefault(name, [])
        if name not in self._known:
            ways.append(way)
        if len(ways) > MOST_RETURNS:
            raise TooMuchWork("it refers to itself too often")
        return 1

    def _at(self, name: str) -> Any:
        """RFC 6901 in a fragment; anchors are not followed."""
        if name != "#" and not name.startswith("#/"):
            raise TooMuchWork("it has a reference that is no pointer into itself")
        node: Any = self._root
        for part in name.split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isascii() and key.isdigit() and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, dict) and key in node:
                node = node[key]
            else:
                raise TooMuchWork("it has a reference that leads nowhere")
        return node


def _parts(schema: dict[str, Any]) -> Iterator[tuple[Steps, Any]]:
    """The schemas right below, and the steps from the value to the one that they are about."""
    for keyword in _SAME_VALUE:
        value = schema.get(keyword, ())
        yield from (((), each) for each in (value if isinstance(value, list | tuple) else [value]))
    for keyword in _BY_NAME:
        yield from (((), each) for _, each in _members(schema.get(keyword)))
    yield from ((((_MEMBER, name),), each) for name, each in _members(schema.get("properties")))
    items = schema.get("prefixItems")
    for index, each in enumerate(items if isinstance(items, list) else ()):
        yield ((_ITEM, index),), each
    for keyword, kind in _OF_ANY.items():
        if keyword == "patternProperties":
            yield from ((((kind, None),), each) for _, each in _members(schema.get(keyword)))
        elif keyword in schema:
            yield ((kind, None),), schema[keyword]


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()


def _meet(one: Steps, other: Steps) -> bool:
    """Whether two ways can lead to the same value, or one over where the other ends."""
    return all(
        kind == other_kind and (None in (place, other_place) or place == other_place)
        for (kind, place), (other_kind, other_place) in zip(one, other, strict=False)
    )
