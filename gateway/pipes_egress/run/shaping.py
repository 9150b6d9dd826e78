"""What of a record the caller gets: the members it is to keep, and texts of a length that can be read."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from pipes_catalog.exchange import Result

from ..mapping.scope import ABSENT, follow, holds
from ..problems import ProviderFailed
from .decoding import decoded

LONGEST_CELL = 2_000
"""Characters to which a text is shortened when its row alone is over the budget."""

LENGTHS = (50_000, 10_000, LONGEST_CELL)
"""The same of an object that is over it: the first that makes it fit."""

_Tree = dict[str, Any]


def shaped(value: Any, result: Result) -> Any:
    """The record decoded, with the members to keep and without those to drop at any level."""
    if result.decode:
        value = decoded(value, result.decode)
    if result.keep:
        value = _kept(value, _tree(result.keep))
    if result.drop:
        value = _without(value, frozenset(result.drop))
    return shortened(value, result.max_text) if result.max_text else value


@lru_cache(1_024)
def _tree(paths: tuple[str, ...]) -> _Tree:
    """Members by name at each level; a member to be kept whole has nothing below it."""
    tree: _Tree = {}
    for path in paths:
        level = tree
        first, _, rest = path.partition(".")
        while rest:
            level = level.setdefault(first, {})
            first, _, rest = rest.partition(".")
        level.setdefault(first, {})
        # A member may have a dot in its name: `@odata.etag`.
        tree.setdefault(path, {})
    whole = [path for path in paths if any(other.startswith(path + ".") for other in paths)]
    for path in whole:
        level = tree
        for name in path.split(".")[:-1]:
            level = level[name]
        level[path.rpartition(".")[2]] = {}
    return tree


def _kept(value: Any, tree: _Tree) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _kept(value[name], below) if below else value[name] for name, below in tree.items() if name in value
        }
    if isinstance(value, list) and tree:
        return [_kept(each, tree) for each in value]
    return value


def _without(value: Any, drop: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(each, drop) for name, each in value.items() if name not in drop}
    if isinstance(value, list):
        return [_without(each, drop) for each in value]
    return value


def shortened(value: Any, longest: int = LONGEST_CELL) -> Any:
    """The same with long texts cut, each saying how long it was."""
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:longest]}… (cut; {len(value):,} characters in all)"
    if isinstance(value, dict):
        return {name: shortened(each, longest) for name, each in value.items()}
    if isinstance(value, list):
        return [shortened(each, longest) for each in value]
    return value


def notes_of(result: Result, document: Any) -> list[str]:
    return [note.say for note in result.notes if holds(note.when, follow(document, note.when.value))]


def object_text(document: Any, result: Result) -> tuple[str, list[str]]:
    """One object as JSON text, and notes."""
    value = shaped(follow(document, result.items) if result.items else document, result)
    value = None if value is ABSENT else value
    encoded = msgspec.json.encode(value)
    if len(encoded) <= result.max_bytes:
        return encoded.decode(), []
    for longest in LENGTHS:
        encoded = msgspec.json.encode(shortened(value, longest))
        if len(encoded) <= result.max_bytes:
            note = f"Texts longer than {longest:,} characters were shortened. {result.more}"
            return encoded.decode(), [note.strip()]
    raise ProviderFailed(f"The answer has {len(encoded):,} bytes, too many to show. {result.more}".strip())
