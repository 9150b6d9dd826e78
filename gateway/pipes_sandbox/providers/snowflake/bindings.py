"""Bind variables: `?` and `:1` become typed literals before the statement is planned."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sqlglot import exp

from pipes_sandbox.providers.snowflake.errors import StatementError

_CASTS = {
    "FIXED": "DECIMAL(38, 10)",
    "REAL": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP_NTZ": "TIMESTAMP",
    "TIMESTAMP_LTZ": "TIMESTAMPTZ",
    "TIMESTAMP_TZ": "TIMESTAMPTZ",
}
_KNOWN = {"TEXT", "BINARY", *_CASTS}


def bind(tree: exp.Expr, bindings: Mapping[str, Any]) -> exp.Expr:
    """Replaces every placeholder; one without a value is Snowflake's error 002049."""
    for position, placeholder in enumerate(list(tree.find_all(exp.Placeholder, bfs=False)), 1):
        key = str(placeholder.args.get("this") or position)
        if key not in bindings:
            message = f"SQL compilation error: error line 1 at position 0\nBind variable {placeholder.sql()} not set."
            raise StatementError("002049", "42601", message)
        placeholder.replace(_literal(bindings[key]))
    return tree


def _literal(binding: Any) -> exp.Expr:
    if not isinstance(binding, Mapping) or not isinstance(binding.get("type"), str):
        raise _malformed("a binding is an object of type and value")
    kind, value = binding["type"].upper(), binding.get("value")
    if kind not in _KNOWN:
        raise _malformed(f"unknown binding type {kind}")
    if value is None:
        return exp.Null()
    if not isinstance(value, str):
        raise _malformed("the value of a binding is always a string")
    if kind == "FIXED" and value.lstrip("-").isdigit():
        return exp.Literal.number(value) if not value.startswith("-") else exp.Neg(this=exp.Literal.number(value[1:]))
    if kind == "BINARY":
        return exp.func("UNHEX", exp.Literal.string(value))
    if kind == "TEXT":
        return exp.Literal.string(value)
    text = _moment(kind, value) if kind == "DATE" or kind.startswith("TIMESTAMP") else value
    return exp.cast(exp.Literal.string(text), _CASTS[kind])


def _moment(kind: str, value: str) -> str:
    """Epoch numbers as the API takes them (milliseconds for a date, nanoseconds for a timestamp), or ISO text."""
    number = value.split(" ")[0]
    if not number.lstrip("-").isdigit():
        return value
    seconds = int(number) / (1_000 if kind == "DATE" else 1_000_000_000)
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=seconds)
    if kind == "DATE":
        return moment.date().isoformat()
    return moment.isoformat() if kind != "TIMESTAMP_NTZ" else moment.replace(tzinfo=None).isoformat(" ")


def _malformed(detail: str) -> StatementError:
    return StatementError("391913", "42601", f"Invalid bindings: {detail}.", status=400)
