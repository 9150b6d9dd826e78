"""Values within an answer that are encoded, made readable. Formats, not providers: a catalog names one."""

from collections.abc import Callable, Mapping
from typing import Any

from pipes_catalog.exchange import Decode, Decoding

from ..mapping.scope import ABSENT, follow
from .encodings import bytes_of
from .messages import message_of_bytes, message_of_parts


def decoded(record: Any, decodes: tuple[Decode, ...]) -> Any:
    """The record with each value decoded where it is, or put into another member; a copy, as far as it differs.

    A value that is not of its format stays as it came.
    """
    for decode in decodes:
        value = follow(record, decode.at)
        if value is ABSENT or value is None:
            continue
        made = _DECODERS[decode.as_](value)
        if decode.into:
            record = _with(_with(record, decode.at.split("."), ABSENT), decode.into.split("."), made)
        else:
            record = _with(record, decode.at.split("."), made)
    return record


def _with(record: Any, path: list[str], value: Any) -> Any:
    """The record with that value at the path; without the member, if the value is ABSENT."""
    if isinstance(record, list) and path[0].isdecimal() and int(path[0]) < len(record):
        place = int(path[0])
        return [*record[:place], _with(record[place], path[1:], value) if path[1:] else value, *record[place + 1 :]]
    members = dict(record) if isinstance(record, Mapping) else {}
    if path[1:]:
        members[path[0]] = _with(members.get(path[0], {}), path[1:], value)
    elif value is ABSENT:
        members.pop(path[0], None)
    else:
        members[path[0]] = value
    return members


def _base64(value: Any) -> Any:
    data = bytes_of(value) if isinstance(value, str) else None
    if data is None:
        return value
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"({len(data):,} bytes that are no text)"


def _message(value: Any) -> Any:
    if isinstance(value, Mapping):
        return message_of_parts(value)
    data = bytes_of(value) if isinstance(value, str) else None
    return message_of_bytes(data) if data is not None else value


def _pairs(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    made: dict[str, Any] = {}
    for pair in value:
        if not isinstance(pair, Mapping) or not isinstance(pair.get("name"), str):
            return value
        name = pair["name"]
        if name in made:
            made[name] = [*(made[name] if isinstance(made[name], list) else [made[name]]), pair.get("value")]
        else:
            made[name] = pair.get("value")
    return made


_DECODERS: dict[Decoding, Callable[[Any], Any]] = {
    Decoding.BASE64: _base64,
    Decoding.MESSAGE: _message,
    Decoding.PAIRS: _pairs,
}
