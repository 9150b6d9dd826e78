"""Exact calls: whether one can be approved as it is written.

A person approves a text. So the text must have one meaning (no duplicate
members, no numbers that readers round differently), be the only way to write
it (RFC 8785), and be a call that the tool takes.
"""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from pipes_api import canonical, restrictions
from pipes_api.restrictions import RestrictionInvalid
from pipes_catalog.holding import InputSchema

from . import texts


def problem(arguments: str, input_schema: dict[str, Any], restriction: Mapping[str, Any] | None) -> str:
    """Empty, or why a call with these arguments (JSON text) cannot be approved: what to write instead."""
    try:
        value = json.loads(
            arguments, object_pairs_hook=_without_duplicates, parse_constant=_refuse, parse_float=_finite
        )
        canonical_form = canonical.dumps(value).decode()
    except _TwiceError as twice:
        return f"the member {texts.clean(repr(twice.args[0]), 80)} is there twice"
    except RecursionError:
        return "the arguments nest too deeply"
    except ValueError:
        return (
            "the arguments are no JSON object with a canonical form (no integers of 2^53 and more, no lone surrogates)"
        )
    if not isinstance(value, dict):
        return "the arguments are no JSON object"
    if canonical_form != arguments:
        return f"the arguments are not in canonical form (RFC 8785); write: {texts.escaped(canonical_form)}"
    return _unfit(input_schema, value) or _restricted(value, restriction)


def _unfit(input_schema: dict[str, Any], value: dict[str, Any]) -> str:
    try:
        schema = InputSchema(input_schema)
    except (jsonschema_rs.ValidationError, ValueError):
        return "arguments cannot be held against the tool's input schema"
    wrong = schema.problem(value)
    return _sentence("the tool", wrong.place, wrong.message) if wrong is not None else ""


def _restricted(value: dict[str, Any], restriction: Mapping[str, Any] | None) -> str:
    if restriction is None:
        return ""
    try:
        # Stops at the first error; to gather them all can take a thousand times as long.
        restrictions.compiled(restriction).validate(value)
    except RestrictionInvalid as error:
        return f"the binding's restrict cannot be checked: {error}"
    except jsonschema_rs.ValidationError as error:
        return _sentence("the binding's restrict", restrictions.dotted(tuple(error.instance_path)), error.message)
    return ""


def _sentence(by: str, place: str, message: str) -> str:
    said = texts.clean(" ".join(message.split()), 200)
    return f"{by} does not take the arguments: {place + ': ' if place else ''}{said}"


class _TwiceError(ValueError):
    """A member stands twice."""


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for name, value in pairs:
        if name in seen:
            raise _TwiceError(name)
        seen[name] = value
    return seen


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number out of range")
    return number
