"""Rules for templates: operators have their form, and every reference is known where it stands."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from .exchange import Condition
from .lines import Path
from .references import FILTERS, OPERATORS, Reference, all_references, operator_of

Broken = Iterator[tuple[Path, str]]

MESSAGE_MEMBERS = frozenset(
    {
        *("from", "to", "cc", "bcc", "replyTo", "subject", "text", "html", "inReplyTo", "references", "attachments"),
    }
)


def template_rules(template: Any, path: Path, known: set[str], spaces: frozenset[str]) -> Broken:
    """`known` are the tool's arguments, `spaces` where else a value may come from at this point."""
    broken = list(_operators(template, path))
    yield from broken
    if not broken:
        for reference in all_references(template):
            yield from reference_rules(reference, path, known, spaces)


def reference_rules(reference: Reference, path: Path, known: set[str], spaces: frozenset[str]) -> Broken:
    if reference.filter and reference.filter not in FILTERS:
        yield path, f"there is no filter {reference.filter!r}; there are {', '.join(sorted(FILTERS))}"
    if reference.space and reference.space not in spaces:
        yield path, f"{{{reference.name}}} is not known at this point"
    if reference.argument and reference.argument not in known:
        yield path, f"{{{reference.name}}} is not an argument of the tool"


def _operators(template: Any, path: Path) -> Broken:
    if isinstance(template, list | tuple):
        for each in template:
            yield from _operators(each, path)
    if not isinstance(template, Mapping):
        return
    name = operator_of(template)
    own = {name} | OPERATORS.get(name, frozenset())
    unknown = [each for each in template if each.startswith("$") and each not in own]
    if unknown:
        yield path, f"there is no operator {unknown[0]!r} here; there are {', '.join(sorted(OPERATORS))}"
    elif not name:
        for each in template.values():
            yield from _operators(each, path)
    elif template.keys() != own:
        yield path, f"{name} must have {' and '.join(sorted(OPERATORS[name])) or 'no other member'}, and nothing else"
    else:
        yield from _form(name, template, path)


def _form(name: str, template: Mapping[str, Any], path: Path) -> Broken:
    inside: list[Any] = []
    match name:
        case "$join":
            if not isinstance(template["$join"], str):
                yield path, "$join must be text"
            inside = [template["$parts"]]
        case "$cases":
            yield from _cases(template["$cases"], path)
        case "$each":
            inside = [template["$each"], template["$value"]]
        case "$chunks":
            size = template["$size"]
            if not isinstance(size, int) or isinstance(size, bool) or size < 2:
                yield path, "$size must be a number of at least 2"
            inside = [template["$chunks"]]
        case "$split":
            if not isinstance(template["$by"], str) or not template["$by"]:
                yield path, "$by must be text"
            inside = [template["$split"]]
        case "$message":
            members = template["$message"]
            if not isinstance(members, Mapping) or not members.keys() <= MESSAGE_MEMBERS:
                yield path, f"$message has members of {', '.join(sorted(MESSAGE_MEMBERS))}"
            inside = [members]
    for each in inside:
        yield from _operators(each, path)


def _cases(cases: Any, path: Path) -> Broken:
    if not isinstance(cases, list | tuple) or not cases:
        yield path, "$cases must be a list of {when, value}"
        return
    for case in cases:
        if not isinstance(case, Mapping) or not case or not case.keys() <= {"when", "value"}:
            yield path, "$cases must be a list of {when, value}"
            continue
        try:
            if "when" in case:
                msgspec.convert(case["when"], Condition)
        except msgspec.ValidationError as error:
            yield path, f"when: {error}"
        yield from _operators(case.get("value"), path)
