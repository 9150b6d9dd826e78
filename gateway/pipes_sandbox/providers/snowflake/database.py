"""One Snowflake account's data: a DuckDB database in memory, shut off from files and network."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import duckdb
from sqlglot import exp

from pipes_sandbox.providers.snowflake import catalogue, cells, errors
from pipes_sandbox.providers.snowflake.session import Session
from pipes_sandbox.providers.snowflake.translate import Statement

HOME = ("CRM", "PUBLIC")
"""Database and schema that every account has."""

_FETCH = 500
_PARTITION_BYTES = 4 * 1024 * 1024
_RESULT_BYTES = 512 * 1024 * 1024
_STATS = {
    "insert": ("numRowsInserted", "number of rows inserted"),
    "update": ("numRowsUpdated", "number of rows updated"),
    "delete": ("numRowsDeleted", "number of rows deleted"),
    "merge": ("numRowsUpdated", "number of rows updated"),
    "truncate": ("numRowsDeleted", ""),
}


@dataclass(slots=True)
class Result:
    columns: list[dict[str, Any]]
    partitions: list[bytes] = field(default_factory=list)
    """Rows of each partition as one JSON array."""
    counts: list[int] = field(default_factory=list)
    """Rows in each partition."""
    stats: dict[str, int] | None = None
    message: str = "Statement executed successfully."

    @property
    def rows(self) -> int:
        return sum(self.counts)

    @property
    def size(self) -> int:
        """Bytes of all rows, encoded."""
        return sum(map(len, self.partitions))

    @classmethod
    def of_text(cls, column: str, text: str) -> Result:
        return cls([cells.column(column, "VARCHAR")], [json.dumps([[text]]).encode()], [1])


class AccountDatabase:
    """Opened on first use, since filling it takes a tenth of a second."""

    def __init__(self, statements: Sequence[str] = ()) -> None:
        self._statements = statements
        self._lock = threading.Lock()
        self._root: Any = None
        self.known: set[tuple[str, str, str]] = set()
        """Tables and views seen to exist; emptied by every DDL, since asking the catalogue costs as much as a query."""

    def cursor(self) -> Any:
        """A connection of its own for one session; call it in a thread."""
        with self._lock:
            if self._root is None:
                self._root = self._open()
            return self._root.cursor()

    def close(self) -> None:
        with self._lock:
            if self._root is not None:
                self._root.close()
                self._root = None

    def _open(self) -> Any:
        root = duckdb.connect(
            ":memory:",
            config={"threads": 2, "memory_limit": "1GB", "autoload_known_extensions": False},
        )
        root.execute('ATTACH \':memory:\' AS "CRM"; CREATE SCHEMA "CRM"."PUBLIC"; USE "CRM"."PUBLIC"')
        root.execute(catalogue.SETUP)
        root.execute(files("pipes_sandbox.providers.snowflake").joinpath("seed.sql").read_text(encoding="utf-8"))
        for statement in self._statements:
            root.execute(statement)
        # SQL comes from outside: it must not reach files, extensions or the network, nor undo this.
        root.execute("SET enable_external_access = false; SET TimeZone = 'UTC'; SET lock_configuration = true")
        return root

    def row_counts(self) -> dict[str, int]:
        cursor = self.cursor()
        try:
            tables = cursor.execute(
                "SELECT database_name, schema_name, table_name FROM duckdb_tables() WHERE NOT internal"
            ).fetchall()
            counts = {}
            for path in tables:
                quoted = ".".join(f'"{part}"' for part in path)
                counts[".".join(path)] = cursor.execute(f"SELECT count(*) FROM {quoted}").fetchone()[0]  # noqa: S608
            return counts
        finally:
            cursor.close()


def enter(cursor: Any, session: Session) -> None:
    """Makes the session's database and schema the current ones, if they exist in exactly that case."""
    here = (session.database, session.schema)
    if here != HOME:
        found = cursor.execute(
            "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND schema_name = ?", list(here)
        ).fetchone()
        if found is None:
            cursor.execute("USE memory.main")
            return
    cursor.execute(f'USE "{session.database}"."{session.schema}"')


def run(
    database: AccountDatabase,
    cursor: Any,
    statement: Statement,
    session: Session,
    stop: threading.Event,
    partition_rows: int,
) -> Result:
    """Runs one statement to its end and reads the result; blocks, so call it in a thread.

    Raises StatementError when it fails and StoppedError when `stop` was set and the cursor interrupted.
    """
    try:
        _check(database, cursor, statement, session)
        if statement.kind in ("ddl", "transaction"):
            database.known.clear()
        for sql in statement.sql:
            if stop.is_set():
                raise errors.StoppedError
            cursor.execute(sql)
        return _read(cursor, statement, session, stop, partition_rows)
    except duckdb.InterruptException:
        raise errors.StoppedError from None
    except duckdb.Error as error:
        if stop.is_set():
            raise errors.StoppedError from None
        raise errors.from_duckdb(error) from None
    except RecursionError:
        raise errors.StatementError("000603", "XX000", "SQL execution internal error: nested too deeply") from None


def _check(database: AccountDatabase, cursor: Any, statement: Statement, session: Session) -> None:
    if statement.writes and not session.writes:
        raise errors.insufficient_privileges(statement.target)
    for table in statement.tables:
        _exists(database, cursor, table, session)


def _exists(owner: AccountDatabase, cursor: Any, table: exp.Table, session: Session) -> None:
    """DuckDB finds names in any case; Snowflake only in the case they were folded to."""
    database, schema = table.catalog or session.database, table.text("db") or session.schema
    if database is None or schema is None:
        message = (
            "Cannot perform SELECT. This session does not have a current database. "
            "Call 'USE DATABASE', or use a qualified name."
        )
        raise errors.StatementError("090105", "22000", message)
    path = (database, schema, table.name)
    if path in owner.known:
        return
    found = cursor.execute("SELECT 1 FROM memory.main.objects(?) WHERE s = ? AND n = ?", list(path)).fetchone()
    if found is None:
        parts = (table.catalog, table.text("db"), table.name)
        raise errors.missing(".".join(part for part in parts if part))
    owner.known.add(path)


def _read(cursor: Any, statement: Statement, session: Session, stop: threading.Event, partition_rows: int) -> Result:
    if statement.kind in ("ddl", "session", "transaction"):
        return Result.of_text("status", statement.message)
    if statement.kind != "query":
        return _changed(cursor, statement)
    types = [str(each[1]) for each in cursor.description]
    names = statement.names if statement.names and len(statement.names) == len(types) else None
    names = names or [each[0] for each in cursor.description]
    result = Result([cells.column(name, kind) for name, kind in zip(names, types, strict=True)])
    encoders = [cells.encoder(kind, session.timezone) for kind in types]
    rows: list[bytes] = []
    size = total = 0

    def finish() -> None:
        result.partitions.append(b"[" + b",".join(rows) + b"]")
        result.counts.append(len(rows))
        rows.clear()

    while batch := cursor.fetchmany(_FETCH):
        if stop.is_set():
            raise errors.StoppedError
        for row in batch:
            encoded = [None if value is None else encode(value) for value, encode in zip(row, encoders, strict=True)]
            line = json.dumps(encoded, ensure_ascii=False, separators=(",", ":")).encode()
            if rows and (len(rows) >= partition_rows or size + len(line) > _PARTITION_BYTES):
                finish()
                size = 0
            rows.append(line)
            size += len(line)
            total += len(line)
        if total > _RESULT_BYTES:
            raise errors.StatementError("000603", "XX000", "The result is too large for the sandbox.")
    if rows or not result.partitions:
        finish()
    return result


def _changed(cursor: Any, statement: Statement) -> Result:
    row = cursor.fetchone()
    count = int(row[0]) if row and isinstance(row[0], int) else max(0, cursor.rowcount)
    member, column = _STATS[statement.kind]
    stats = {"numRowsInserted": 0, "numRowsUpdated": 0, "numRowsDeleted": 0, "numDmlDuplicates": 0, member: count}
    if statement.kind == "truncate":
        result = Result.of_text("status", statement.message)
    else:
        cell = json.dumps([[str(count)]]).encode()
        result = Result([cells.column(column, "BIGINT", nullable=False)], [cell], [1])
    result.stats = stats
    return result
