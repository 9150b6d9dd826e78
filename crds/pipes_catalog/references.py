"""References in templates: `{statement}`, `{lookup.mimeType}`, `{database|identifier}`.

A reference is a name, which may be followed by dots, and may end with a filter.
The first part of the name says where the value comes from: one of `SPACES`, or
else an argument of the tool. A text that is one reference and no more stands
for the value as it is (a number stays one); in any other text the value is
written out. Three objects are operators, told by their `$` member:

* `{$join: " and ", $parts: [...]}`: the parts that are not absent, joined;
* `{$cases: [{when: condition, value: template}, ...]}`: the first that holds;
* `{$literal: "text"}`: the text, in which braces mean nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

REFERENCE = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)(?:\|([a-z]+))?\}")

SPACES = frozenset({"lookup", "job", "page", "endpoint", "call", "credential"})
"""First parts of names that are not arguments. `call.id` is a UUID of the call, `endpoint.*` is the binding's."""

FILTERS = frozenset({"identifier", "quoted"})
"""`identifier`: a double-quoted SQL identifier. `quoted`: a single-quoted literal with backslash escapes."""

OPERATORS = frozenset({"$join", "$parts", "$cases", "$literal"})


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


def references(text: str) -> list[Reference]:
    return [Reference(name, chosen or "") for name, chosen in REFERENCE.findall(text)]


def whole(text: str) -> Reference | None:
    """The reference, if the text is one and no more."""
    match = REFERENCE.fullmatch(text)
    return Reference(match[1], match[2] or "") if match else None


def all_references(template: Any) -> Iterator[Reference]:
    """Every reference of a template, those in conditions included."""
    if isinstance(template, str):
        yield from references(template)
    elif isinstance(template, list | tuple):
        for each in template:
            yield from all_references(each)
    elif isinstance(template, dict) and "$literal" not in template:
        if "$cases" in template:
            for case in template["$cases"]:
                if isinstance(case.get("when"), dict):
                    yield Reference(str(case["when"].get("value", "")))
                yield from all_references(case.get("value"))
        else:
            for member in template.values():
                yield from all_references(member)
