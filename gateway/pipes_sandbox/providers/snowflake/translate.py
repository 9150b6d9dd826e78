"""Snowflake SQL into statements that DuckDB can run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from pipes_sandbox.providers.snowflake import catalogue, errors
from pipes_sandbox.providers.snowflake.bindings import bind
from pipes_sandbox.providers.snowflake.rewrite import rewrite
from pipes_sandbox.providers.snowflake.session import Session

_DML = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)
_DDL = (exp.Create, exp.Drop, exp.Alter, exp.Comment)
_SESSION = (exp.Use, exp.Set, exp.Grant, exp.Revoke)
_TRANSACTION = (exp.Transaction, exp.Commit, exp.Rollback)


@dataclass(slots=True)
class Statement:
    """One statement, ready to run."""

    kind: str
    """query, insert, update, delete, merge, truncate, ddl, transaction or session."""
    sql: list[str]
    """DuckDB's text; the last one gives the result. Empty for what has no effect here."""
    target: str = ""
    """The table or view that is written, for messages and privileges."""
    names: list[str] | None = None
    """Result column names where Snowflake's differ from DuckDB's."""
    wait: float = 0.0
    """Seconds that `SYSTEM$WAIT` asks for."""
    message: str = "Statement executed successfully."
    tables: list[exp.Table] = field(default_factory=list)
    """Objects that must exist, in the case Snowflake folds them to."""

    @property
    def writes(self) -> bool:
        return self.kind in ("insert", "update", "delete", "merge", "truncate", "ddl")


def parse(text: str) -> list[exp.Expr]:
    """The statements in `text`; comments and empty ones do not count.

    Raises StatementError 001003 when it is not SQL.
    """
    try:
        trees = sqlglot.parse(text, dialect="snowflake")
    except SqlglotError as error:
        raise errors.syntax(_position(error)) from None
    return [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]


@lru_cache(maxsize=512)
def compiled(text: str, wanted: int, session: Session, bindings: str) -> tuple[Statement, ...]:
    """The statements of one request; `wanted` is how many it declares (0: any number), `bindings` JSON.

    Raises StatementError when the text cannot run as declared.
    """
    trees = parse(text)
    if not trees:
        raise errors.StatementError("000900", "42601", "SQL compilation error:\nEmpty SQL statement.", status=400)
    if wanted not in (0, len(trees)):
        message = f"Actual statement count {len(trees)} did not match the desired statement count {wanted}."
        raise errors.StatementError("000008", "0A000", message)
    statements = tuple(translate(tree, session, json.loads(bindings)) for tree in trees)
    if len(statements) == 1 and statements[0].kind == "transaction":
        word = statements[0].sql[0].split()[0]
        raise errors.StatementError("391911", "0A000", f"Unsupported statement type '{word}'.")
    return statements


def _position(error: SqlglotError) -> str:
    details = getattr(error, "errors", None) or [{}]
    line, column, highlight = (details[0].get(name) for name in ("line", "col", "highlight"))
    if line is None:
        return "parse error line 1 at position 0 near '<EOF>'."
    return f"syntax error line {line} at position {max(0, (column or 1) - 1)} unexpected '{highlight or ''}'."


def translate(tree: exp.Expr, session: Session, bindings: Mapping[str, Any]) -> Statement:
    """Raises StatementError for what Snowflake would refuse or the sandbox cannot do."""
    if (found := catalogue.listing(tree, session)) is not None:
        return Statement("query", [found.sql], tables=found.tables)
    if isinstance(tree, exp.Command):
        return _command(tree, session, bindings)
    if isinstance(tree, _SESSION) or (isinstance(tree, exp.Alter) and tree.args.get("kind") == "SESSION"):
        return Statement("session", [])
    if isinstance(tree, _TRANSACTION):
        return Statement("transaction", [tree.sql("duckdb")])
    if not isinstance(tree, (exp.Query, exp.Values, *_DML, *_DDL)):
        raise errors.syntax(f"syntax error line 1 at position 0 unexpected '{tree.sql('snowflake').split()[0]}'.")
    names = _names(tree)
    folded = normalize_identifiers(bind(tree.copy(), bindings), dialect="snowflake")
    assert isinstance(folded, exp.Expr)
    work = rewrite(folded, session)
    statement = Statement(
        kind=_kind(work.tree), sql=[], names=names, wait=work.wait, target=_target(work.tree), tables=work.tables
    )
    if isinstance(work.tree, exp.Insert) and work.tree.args.get("overwrite"):
        work.tree.set("overwrite", False)
        statement.sql.append(f"DELETE FROM {work.tree.this.sql('duckdb', identify=True)}")  # noqa: S608
    statement.sql.append(work.tree.sql("duckdb", identify=True))
    if isinstance(tree, exp.Create | exp.Drop):
        done = "created" if isinstance(tree, exp.Create) else "dropped"
        noun = f"{str(tree.args.get('kind') or 'Object').capitalize()} {statement.target}"
        statement.message = f"{noun} successfully created." if done == "created" else f"{statement.target} {done}."
    return statement


def _command(tree: exp.Command, session: Session, bindings: Mapping[str, Any]) -> Statement:
    """What sqlglot keeps as text: EXPLAIN runs, the rest is beyond the sandbox and says so."""
    word = str(tree.this).upper()
    if word != "EXPLAIN":
        raise errors.unsupported(word)
    rest = tree.expression.name if tree.expression is not None else ""
    for prefix in ("USING TEXT", "USING TABULAR", "USING JSON"):
        if rest.upper().startswith(prefix):
            rest = rest[len(prefix) :]
    inner = parse(rest)
    if len(inner) != 1:
        raise errors.syntax("syntax error line 1 at position 0 unexpected 'EXPLAIN'.")
    explained = translate(inner[0], session, bindings)
    if not explained.sql:
        raise errors.unsupported("EXPLAIN")
    return Statement("query", [f"EXPLAIN {explained.sql[-1]}"], names=["step", "content"])


def _kind(tree: exp.Expr) -> str:
    for node, kind in (
        (exp.Insert, "insert"),
        (exp.Update, "update"),
        (exp.Delete, "delete"),
        (exp.Merge, "merge"),
        (exp.TruncateTable, "truncate"),
    ):
        if isinstance(tree, node):
            return kind
    return "ddl" if isinstance(tree, _DDL) else "query"


def _target(tree: exp.Expr) -> str:
    if not isinstance(tree, _DML + _DDL):
        return ""
    table = tree.this if isinstance(tree, exp.Table) else tree.find(exp.Table)
    return table.name if table is not None else ""


def _names(tree: exp.Expr) -> list[str] | None:
    """Snowflake's result column names: the alias or column, else the expression's own text, folded to upper case."""
    if not isinstance(tree, exp.Query):
        return None
    selects = tree.selects
    if not selects or tree.is_star:
        return None
    return [_name(select) for select in selects]


def _name(select: exp.Expr) -> str:
    identifier = select.args.get("alias") if isinstance(select, exp.Alias) else select.this
    if isinstance(select, exp.Alias | exp.Column) and isinstance(identifier, exp.Identifier):
        return str(identifier.name) if identifier.args.get("quoted") else str(identifier.name).upper()
    return str(select.sql("snowflake")).upper()
