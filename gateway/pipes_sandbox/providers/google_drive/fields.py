"""The `fields` parameter: a partial answer, as Google's APIs cut it."""

from __future__ import annotations

import re
from typing import Any

from pipes_sandbox.providers.google_drive import errors

Mask = dict[str, "Mask"]
"""Names to keep, each with what to keep inside it; empty keeps everything inside."""

_TOKEN = re.compile(r"[A-Za-z0-9_*-]+|[(),/]")


def parse(text: str) -> Mask:
    """`a,b/c,d(e,f)` and `*`. Raises RefusalError 400 when it cannot be read."""
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        raise _invalid(text)
    mask, rest = _selection(tokens, text)
    if rest:
        raise _invalid(text)
    return mask


def _selection(tokens: list[str], text: str) -> tuple[Mask, list[str]]:
    mask: Mask = {}
    while True:
        if not tokens or tokens[0] in "(),/":
            raise _invalid(text)
        name, tokens = tokens[0], tokens[1:]
        target = mask.setdefault(name, {})
        while tokens[:1] == ["/"]:
            if len(tokens) < 2 or tokens[1] in "(),/":
                raise _invalid(text)
            target, tokens = target.setdefault(tokens[1], {}), tokens[2:]
        if tokens[:1] == ["("]:
            inner, tokens = _selection(tokens[1:], text)
            if tokens[:1] != [")"]:
                raise _invalid(text)
            target.update(inner)
            tokens = tokens[1:]
        if tokens[:1] != [","]:
            return mask, tokens
        tokens = tokens[1:]


def cut(document: dict[str, Any], mask: Mask, known: dict[str, frozenset[str]], kind: str) -> dict[str, Any]:
    """`document` reduced to `mask`; `known` names the members each kind of resource may have.

    Raises RefusalError 400 for a member that the resource does not have at all.
    """
    if "*" in mask or not mask:
        return document
    for name in mask:
        if name not in known[kind]:
            raise _invalid(name)
    return {name: _inside(document[name], inner, known, name) for name, inner in mask.items() if name in document}


def _inside(value: Any, mask: Mask, known: dict[str, frozenset[str]], name: str) -> Any:
    if isinstance(value, list):
        return [_inside(item, mask, known, name) for item in value]
    if not isinstance(value, dict) or not mask or "*" in mask:
        return value
    if name in known:
        return cut(value, mask, known, name)
    return {key: _inside(value[key], inner, known, key) for key, inner in mask.items() if key in value}


def _invalid(text: str) -> Exception:
    return errors.refused(400, "invalidParameter", f"Invalid field selection {text}", location="fields")
