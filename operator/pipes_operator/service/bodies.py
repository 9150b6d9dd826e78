"""Reading request bodies: bounded in size and time, no duplicate and no unknown field."""

import asyncio
import json
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from pipes_api.messages import CreateSession
from pipes_api.resources import ExactCall, Limits, RequestedBinding

from .refusals import Refused, invalid

MOST_BYTES = 64 * 1024
_SECONDS = 10.0
_DEEPEST = 8

T = TypeVar("T")


class _StrictCall(ExactCall, forbid_unknown_fields=True):
    pass


class _StrictBinding(RequestedBinding, forbid_unknown_fields=True):
    calls: tuple[_StrictCall, ...] | None = None


class _StrictLimits(Limits, forbid_unknown_fields=True):
    pass


class StrictCreateSession(CreateSession, forbid_unknown_fields=True):
    """`CreateSession` that also refuses unknown fields inside: what has no meaning yet is not ignored."""

    bindings: tuple[_StrictBinding, ...]
    limits: _StrictLimits | None = None


async def read(request: web.Request, kind: type[T], *, most: int = MOST_BYTES, deepest: int = _DEEPEST) -> T:
    """The body as a message of that kind.

    Raises:
        Refused: too large, too slow, not JSON, or not of the kind; the sentence names the field.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            raw = await request.clone(client_max_size=most).read()
    except TimeoutError:
        raise invalid(f"the body did not arrive within {_SECONDS:g} s") from None
    return parse(raw, kind, deepest)


def parse(raw: bytes, kind: type[T], deepest: int = _DEEPEST) -> T:
    """As `read`, of bytes already here."""
    try:
        data = json.loads(raw.decode(), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except Refused:
        raise
    except (ValueError, RecursionError):
        # The parser's own words would repeat what was sent.
        raise invalid("the body is not JSON") from None
    if not isinstance(data, dict) or _depth(data) > deepest:
        raise invalid("the body must be a JSON object, and not a deep one")
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise invalid(str(error)) from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid(f"the field {twice[:64]!r} is there twice")
    return found


def _refuse_constant(word: str) -> Any:
    raise invalid(f"{word} is not JSON")


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0
