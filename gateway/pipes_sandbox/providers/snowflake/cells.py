"""Result columns and cells in the SQL API's `jsonv2` form: every value that is not NULL is a string."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

_EPOCH = dt.datetime(1970, 1, 1)
_EPOCH_UTC = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_INTEGERS = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
    "BIGNUM",
}
_TEXT_LENGTH = 16_777_216
_BINARY_LENGTH = 8_388_608

Encoder = Callable[[Any], str]


def snowflake_type(duckdb_type: str) -> tuple[str, int | None, int | None]:
    """Snowflake's type word (lower case, as the API writes it), precision and scale for a DuckDB type."""
    if found := _DECIMAL.fullmatch(duckdb_type):
        return "fixed", int(found[1]), int(found[2])
    if duckdb_type in _INTEGERS:
        return "fixed", 38, 0
    simple = {
        "DOUBLE": ("real", None, None),
        "FLOAT": ("real", None, None),
        "BOOLEAN": ("boolean", None, None),
        "DATE": ("date", None, None),
        "TIME": ("time", 0, 9),
        "BLOB": ("binary", None, None),
        "JSON": ("variant", None, None),
        "VARIANT": ("variant", None, None),
        "TIMESTAMP WITH TIME ZONE": ("timestamp_tz", 0, 9),
    }
    if duckdb_type in simple:
        return simple[duckdb_type]
    if duckdb_type.startswith("TIMESTAMP"):
        return "timestamp_ntz", 0, 9
    if duckdb_type.endswith("]"):
        return "array", None, None
    if duckdb_type.startswith(("STRUCT", "MAP")):
        return "object", None, None
    return "text", None, None


def column(name: str, duckdb_type: str, *, nullable: bool = True) -> dict[str, Any]:
    """One member of `rowType`."""
    kind, precision, scale = snowflake_type(duckdb_type)
    length = {"text": _TEXT_LENGTH, "binary": _BINARY_LENGTH}.get(kind)
    return {
        "name": name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": nullable,
        "type": kind,
        "precision": precision,
        "scale": scale,
        "length": length,
        "byteLength": length,
        "collation": None,
    }


def encoder(duckdb_type: str, timezone: str) -> Encoder:
    """How to write the cells of a column of that type; never given None."""
    kind, _, scale = snowflake_type(duckdb_type)
    match kind:
        case "fixed":
            return str if not scale else lambda value: f"{value:f}"
        case "boolean":
            return lambda value: "true" if value else "false"
        case "date":
            return lambda value: str((value - _EPOCH.date()).days)
        case "time":
            return _time
        case "timestamp_ntz":
            return lambda value: _seconds(value - _EPOCH)
        case "timestamp_tz":
            return _with_offset(ZoneInfo(timezone))
        case "binary":
            return lambda value: bytes(value).hex().upper()
        case "real":
            return repr
        case "variant":
            return lambda value: value if isinstance(value, str) else _json(value)
        case "array" | "object":
            return _json
    return str


def _seconds(since: dt.timedelta) -> str:
    """Seconds with nine decimals, computed in whole microseconds: a float would lose the last of them."""
    whole, rest = divmod(since // dt.timedelta(microseconds=1), 1_000_000)
    if whole < 0 and rest:
        whole, rest = whole + 1, 1_000_000 - rest
        return f"{'-' if whole == 0 else ''}{whole}.{rest:06d}000"
    return f"{whole}.{rest:06d}000"


def _time(value: dt.time) -> str:
    whole = value.hour * 3600 + value.minute * 60 + value.second
    return f"{whole}.{value.microsecond:06d}000"


def _with_offset(zone: ZoneInfo) -> Encoder:
    def encode(value: dt.datetime) -> str:
        offset = value.astimezone(zone).utcoffset() or dt.timedelta()
        return f"{_seconds(value - _EPOCH_UTC)} {offset // dt.timedelta(minutes=1) + 1440}"

    return encode


def _json(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
