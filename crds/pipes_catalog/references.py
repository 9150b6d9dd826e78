"""References in templates: `{statement}`, `{lookup.mimeType}`, `{database|identifier}`.

A reference is a name, which may be followed by dots, and may end with a filter.
The first part of the name says where the value comes from: one of `SPACES`, or
else an argument of the tool. A text that is one reference and no more stands
for the value as it is (a number stays one); in any other text the value is
written out. Objects with one of `OPERATORS` as a member are operators.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

REFERENCE = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)(?:\|([a-z0-9]+))?\}")

SPACES = frozenset({"lookup", "job", "page", "endpoint", "call", "credential", "item", "answer"})
"""First parts of names that are not arguments. `call.id` is a UUID of the call, `endpoint.*` is the binding's."""

FILTERS = frozenset({"identifier", "quoted", "base64", "base64url"})
"""`identifier`: a double-quoted SQL identifier. `quoted`: a single-quoted literal with backslash escapes.
`base64`, `base64url`: RFC 4648 sections 4 and 5, of the text's UTF-8."""

OPERATORS: Mapping[str, frozenset[str]] = {
    "$join": frozenset({"$parts"}),
    "$cases": frozenset(),
    "$literal": frozenset(),
    "$each": frozenset({"$value"}),
    "$chunks": frozenset({"$size"}),
    "$split": frozenset({"$by"}),
    "$message": frozenset(),
}
"""Operators by the member that names them, with the members each must have besides.

* `{$join: " and ", $parts: [...]}`: the parts that are not absent, joined;
* `{$cases: [{when: condition, value: template}, ...]}`: the first that holds; without a value, nothing;
* `{$literal: "text"}`: the text, in which braces mean nothing;
* `{$each: list, $value: template}`: a list with the template for each entry, which is `{item}` there;
* `{$chunks: text, $size: 2000}`: the text as a list of texts, none of more UTF-16 code units than that;
* `{$split: text, $by: "\\n"}`: the text's parts that are not empty;
* `{$message: {to: [...], subject: ..., text: ...}}`: base64url of an RFC 5322 message.
"""


@dataclass(frozen=True, slots=True)
class Reference:
    name: str
    filter: str = ""

    @property
    def space(self) -> str:
        """Where the value comes from; empty for an argument."""
        first = self.name.partition(".")[0]
        return first if first in SPACES else ""

    @property
    def argument(self) -> str:
        return "" if self.space else self.name.partition(".")[0]


@lru_cache(4_096)
def references(text: str) -> tuple[Reference, ...]:
    return tuple(Reference(name, chosen or "") for name, chosen in REFERENCE.findall(text))


@lru_cache(4_096)
def whole(text: str) -> Reference | None:
    """The reference, if the text is one and no more."""
    match = REFERENCE.fullmatch(text)
    return Reference(match[1], match[2] or "") if match else None


def operator_of(template: Mapping[str, Any]) -> str:
    """The member that makes the object an operator; empty when it is a plain object."""
    return next((name for name in template if name in OPERATORS), "")


def all_references(template: Any) -> Iterator[Reference]:
    """Every reference of a template, those in conditions included; `{item}` only where there is none."""
    if isinstance(template, str):
        yield from references(template)
    elif isinstance(template, list | tuple):
        for each in template:
            yield from all_references(each)
    elif isinstance(template, Mapping):
        yield from _in_object(template)


def _in_object(template: Mapping[str, Any]) -> Iterator[Reference]:
    match operator_of(template):
        case "$literal":
            return
        case "$cases":
            for case in template["$cases"]:
                if isinstance(case.get("when"), Mapping):
                    yield Reference(str(case["when"].get("value", "")))
                yield from all_references(case.get("value"))
        case "$each":
            yield from all_references(template["$each"])
            yield from (each for each in all_references(template.get("$value")) if each.space != "item")
        case _:
            for member in template.values():
                yield from all_references(member)
