"""Failures of a statement, in Snowflake's codes, and how DuckDB's own failures map to them."""

from __future__ import annotations

import re

import duckdb


class StatementError(Exception):
    """A statement that failed; `code` and `sql_state` are Snowflake's."""

    def __init__(self, code: str, sql_state: str, message: str, *, status: int = 422) -> None:
        super().__init__(message)
        self.code = code
        self.sql_state = sql_state
        self.message = message
        self.status = status
        """HTTP status of the answer: 422 unless the request itself was wrong."""


class StoppedError(Exception):
    """The statement was cancelled or ran out of time."""


def syntax(detail: str) -> StatementError:
    return StatementError("001003", "42000", f"SQL compilation error:\n{detail}")


def missing(name: str, kind: str = "Object") -> StatementError:
    message = f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized."
    return StatementError("002003", "42S02" if kind != "Schema" else "02000", message)


def unsupported(feature: str) -> StatementError:
    return StatementError("000002", "0A000", f"Unsupported feature '{feature}'.")


def insufficient_privileges(name: str) -> StatementError:
    message = f"SQL access control error:\nInsufficient privileges to operate on table '{name}'."
    return StatementError("003001", "42501", message)


_MISSING = re.compile(r"(?:Table|View|Schema|Sequence) with name \"?([^\"\s]+?)\"? does not exist")
_COLUMN = re.compile(r"Referenced (?:column|table) \"([^\"]+)\" not found")
_FUNCTION = re.compile(r"Function with name \"?(\S+?)\"? does not exist")
_EXISTS = re.compile(r"(?:Table|View|Schema|Sequence) with name \"?([^\"\s]+?)\"? already exists")


def from_duckdb(error: duckdb.Error) -> StatementError:
    text = str(error).split("\n\nLINE ", 1)[0].strip()
    first = text.split("\n", 1)[0]
    if found := _FUNCTION.search(text):
        return StatementError("002140", "42601", f"SQL compilation error:\nUnknown function {found[1].upper()}")
    if found := _MISSING.search(text):
        return missing(found[1].upper())
    if found := _EXISTS.search(text):
        message = f"SQL compilation error:\nObject '{found[1].upper()}' already exists."
        return StatementError("002002", "42710", message)
    if found := _COLUMN.search(text):
        detail = f"error line 1 at position 0\ninvalid identifier '{found[1].upper()}'"
        return StatementError("000904", "42000", f"SQL compilation error: {detail}")
    if "Division by zero" in text:
        return StatementError("100051", "22012", "Division by zero")
    if isinstance(error, duckdb.ConversionException):
        return StatementError("100038", "22018", first.removeprefix("Conversion Error: "))
    if isinstance(error, duckdb.ConstraintException):
        return StatementError("100072", "22000", first.removeprefix("Constraint Error: "))
    if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
        return syntax(first.partition(": ")[2] or first)
    return StatementError("000603", "XX000", f"SQL execution internal error: {first}")
