"""Formats in which a provider's rows come. They are formats, not providers: a catalog names one."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from ..mapping.scope import follow

_EPOCH_DATE = date(1970, 1, 1)
_EXACT_DIGITS = 15
"""Digits a JSON number keeps in every reader; longer ones stay text."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Names and types of the cells of each row, and how each is decoded."""

    described: list[dict[str, Any]]
    decoders: list[Callable[[Any], Any]] = field(repr=False)

    def decode(self, row: Any) -> Any:
        if not isinstance(row, list) or len(row) != len(self.decoders):
            return row
        return [None if cell is None else decode(cell) for cell, decode in zip(row, self.decoders, strict=True)]


def columns_of(name: str, document: Any) -> Columns | None:
    """The columns an answer describes, for the format of that name; None when rows need no decoding."""
    return _FORMATS[name](document) if name else None


def _jsonv2(document: Any) -> Columns:
    """Snowflake's `jsonv2`: every cell is text, its meaning is in `resultSetMetaData.rowType`."""
    kinds = follow(document, "resultSetMetaData.rowType")
    described, decoders = [], []
    for kind in kinds if isinstance(kinds, list) else []:
        kind = kind if isinstance(kind, dict) else {}
        name, word = str(kind.get("name", "")), str(kind.get("type", "")).lower()
        described.append({"name": name, "type": word.upper()})
        decoders.append(_safely(_cell_decoder(word, kind)))
    return Columns(described, decoders)


def _cell_decoder(word: str, kind: dict[str, Any]) -> Callable[[str], Any]:
    if word in ("fixed", "number"):
        precision = kind.get("precision")
        whole = not kind.get("scale") and isinstance(precision, int) and 0 < precision <= _EXACT_DIGITS
        return int if whole else _number
    return _BY_TYPE.get(word, str)


def _number(text: str) -> Any:
    """A number where JSON keeps it exactly, else its text."""
    value = Decimal(text)
    if len(value.as_tuple().digits) > _EXACT_DIGITS:
        return text
    return int(value) if value == value.to_integral_value() and "." not in text else float(value)


def _real(text: str) -> Any:
    value = float(text)
    return value if value == value and abs(value) != float("inf") else text


def _date(text: str) -> str:
    return (_EPOCH_DATE + timedelta(days=int(text))).isoformat()


def _seconds(text: str) -> tuple[int, str]:
    """Whole seconds and the fraction as written; never through a float, which would lose nanoseconds."""
    value = Decimal(text)
    whole = int(value.to_integral_value(rounding="ROUND_FLOOR"))
    fraction = f"{value - whole:f}".partition(".")[2].rstrip("0")
    return whole, f".{fraction}" if fraction else ""


def _time(text: str) -> str:
    whole, fraction = _seconds(text)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{fraction}"


def _moment(text: str) -> str:
    whole, fraction = _seconds(text)
    return (datetime(1970, 1, 1) + timedelta(seconds=whole)).isoformat() + fraction


def _moment_utc(text: str) -> str:
    return _moment(text) + "Z"


def _moment_zoned(text: str) -> str:
    seconds, _, offset = text.partition(" ")
    whole, fraction = _seconds(seconds)
    zone = timezone(timedelta(minutes=int(offset) - 1440))
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole)
    text = local.astimezone(zone).isoformat()
    return text[:19] + fraction + text[19:]


def _json(text: str) -> Any:
    return json.loads(text)


def _safely(decode: Callable[[str], Any]) -> Callable[[Any], Any]:
    """A cell that is not of its type stays as it came."""

    def decoded(cell: Any) -> Any:
        try:
            return decode(cell) if isinstance(cell, str) else cell
        except (ValueError, InvalidOperation, OverflowError, RecursionError):
            return cell

    return decoded


_BY_TYPE: dict[str, Callable[[str], Any]] = {
    "real": _real,
    "boolean": lambda text: {"true": True, "false": False, "1": True, "0": False}.get(text.lower(), text),
    "date": _date,
    "time": _time,
    "timestamp_ntz": _moment,
    "timestamp_ltz": _moment_utc,
    "timestamp_tz": _moment_zoned,
    "variant": _json,
    "object": _json,
    "array": _json,
}

_FORMATS: dict[str, Callable[[Any], Columns]] = {"jsonv2": _jsonv2}
