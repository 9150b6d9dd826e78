"""SHOW, DESCRIBE and INFORMATION_SCHEMA over DuckDB's own catalogue, in Snowflake's columns."""

# ruff: noqa: S608 - names reach the text through _text, which quotes them

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers

from pipes_sandbox.providers.snowflake import errors
from pipes_sandbox.providers.snowflake.session import Session

_CREATED = "TIMESTAMPTZ '2026-01-01 00:00:00+00'"

SETUP = f"""
CREATE MACRO memory.main.snowflake_type(t) AS CASE
  WHEN t LIKE 'DECIMAL(%' THEN replace(t, 'DECIMAL', 'NUMBER')
  WHEN t IN ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT', 'UBIGINT') THEN 'NUMBER(38,0)'
  WHEN t IN ('DOUBLE', 'FLOAT') THEN 'FLOAT'
  WHEN t = 'VARCHAR' THEN 'VARCHAR(16777216)'
  WHEN t = 'BLOB' THEN 'BINARY(8388608)'
  WHEN t = 'JSON' THEN 'VARIANT'
  WHEN t = 'TIMESTAMP WITH TIME ZONE' THEN 'TIMESTAMP_TZ(9)'
  WHEN t LIKE 'TIMESTAMP%' THEN 'TIMESTAMP_NTZ(9)'
  WHEN t = 'TIME' THEN 'TIME(9)'
  WHEN t LIKE '%[]' THEN 'ARRAY'
  ELSE t END;
CREATE MACRO memory.main.objects(db) AS TABLE
  SELECT database_name AS d, schema_name AS s, table_name AS n, 'TABLE' AS kind, estimated_size AS rows, comment,
    column_count, '' AS text FROM duckdb_tables() WHERE database_name = db AND NOT internal
  UNION ALL
  SELECT database_name, schema_name, view_name, 'VIEW', NULL, comment, column_count, sql
  FROM duckdb_views() WHERE database_name = db AND NOT internal;
CREATE MACRO memory.main.object_columns(db) AS TABLE
  SELECT database_name AS d, schema_name AS s, table_name AS t, column_name AS n, column_index AS i,
    memory.main.snowflake_type(data_type) AS type, is_nullable AS nullable, column_default AS "default", comment
  FROM duckdb_columns() WHERE database_name = db AND NOT internal;
CREATE MACRO memory.main.information_tables(db) AS TABLE
  SELECT d AS "TABLE_CATALOG", s AS "TABLE_SCHEMA", n AS "TABLE_NAME", 'SYSADMIN' AS "TABLE_OWNER",
    CASE kind WHEN 'TABLE' THEN 'BASE TABLE' ELSE kind END AS "TABLE_TYPE", rows AS "ROW_COUNT",
    {_CREATED} AS "CREATED", comment AS "COMMENT" FROM memory.main.objects(db);
CREATE MACRO memory.main.information_columns(db) AS TABLE
  SELECT d AS "TABLE_CATALOG", s AS "TABLE_SCHEMA", t AS "TABLE_NAME", n AS "COLUMN_NAME", i AS "ORDINAL_POSITION",
    "default" AS "COLUMN_DEFAULT", CASE WHEN nullable THEN 'YES' ELSE 'NO' END AS "IS_NULLABLE",
    regexp_replace(type, '\\(.*', '') AS "DATA_TYPE", comment AS "COMMENT" FROM memory.main.object_columns(db);
CREATE MACRO memory.main.information_schemata(db) AS TABLE
  SELECT database_name AS "CATALOG_NAME", schema_name AS "SCHEMA_NAME", 'SYSADMIN' AS "SCHEMA_OWNER",
    {_CREATED} AS "CREATED" FROM duckdb_schemas() WHERE database_name = db AND NOT internal;
CREATE MACRO memory.main.information_views(db) AS TABLE
  SELECT d AS "TABLE_CATALOG", s AS "TABLE_SCHEMA", n AS "TABLE_NAME", text AS "VIEW_DEFINITION",
    {_CREATED} AS "CREATED" FROM memory.main.objects(db) WHERE kind = 'VIEW';
"""
INFORMATION_VIEWS = frozenset({"TABLES", "COLUMNS", "SCHEMATA", "VIEWS"})

_DATABASES = "SELECT database_name FROM duckdb_databases() WHERE NOT internal AND database_name <> 'memory'"


@dataclass(slots=True)
class Listing:
    sql: str
    tables: list[exp.Table] = field(default_factory=list)
    """Objects that must exist for the listing to make sense."""


def listing(tree: exp.Expr, session: Session) -> Listing | None:
    """The query that answers a SHOW or DESCRIBE; None for any other statement.

    Raises StatementError for kinds of object that the sandbox does not keep.
    """
    if isinstance(tree, exp.Show):
        return _show(normalize_identifiers(tree.copy(), dialect="snowflake"), session)
    if isinstance(tree, exp.Describe):
        return _describe(normalize_identifiers(tree.copy(), dialect="snowflake"), session)
    if isinstance(tree, exp.Command) and str(tree.this).upper() == "SHOW":
        word = str(tree.expression or "").strip().split(" ")[0].upper()
        if word == "ROLES":
            sql = f"SELECT {_CREATED} AS created_on, {_text(session.role)} AS name, 'Y' AS is_current, '' AS comment"
            return Listing(sql)
        raise errors.unsupported(f"SHOW {word}")
    return None


def information_schema(table: exp.Table, session: Session) -> exp.Expr | None:
    """What stands in for `INFORMATION_SCHEMA.<view>`; None for any other table."""
    if table.text("db").upper() != "INFORMATION_SCHEMA":
        return None
    if table.name not in INFORMATION_VIEWS:
        raise errors.missing(f"INFORMATION_SCHEMA.{table.name}")
    call = exp.Anonymous(
        this=f"memory.main.information_{table.name.lower()}",
        expressions=[exp.Literal.string(table.catalog or session.database or "")],
    )
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
    return exp.Table(this=call, alias=alias.copy())


def _show(tree: exp.Expr, session: Session) -> Listing:
    kind = str(tree.args["this"]).upper()
    scope, scope_kind = tree.args.get("scope"), str(tree.args.get("scope_kind") or "").upper()
    database, schema = _scope(scope, scope_kind, session)
    tables: list[exp.Table] = []
    if kind in ("TABLES", "VIEWS"):
        wanted = kind[:-1]
        where = [f"kind = '{wanted}'"] + ([f"s = {_text(schema)}"] if schema else [])
        columns = f"{_CREATED} AS created_on, n AS name, d AS database_name, s AS schema_name"
        if wanted == "TABLE":
            columns += ", kind, coalesce(comment, '') AS comment, '' AS cluster_by, rows, 0 AS bytes"
        else:
            columns += ", coalesce(comment, '') AS comment, text, 'false' AS is_secure"
        sql = f"SELECT {columns}, 'SYSADMIN' AS owner FROM memory.main.objects({_text(database)})"
        name = "n"
    elif kind == "SCHEMAS":
        where, name = ["NOT internal"] + ([f"database_name = {_text(database)}"] if database else []), "schema_name"
        current = f"CASE WHEN schema_name = {_text(session.schema or '')} THEN 'Y' ELSE 'N' END"
        sql = (
            f"SELECT {_CREATED} AS created_on, schema_name AS name, 'N' AS is_default, {current} AS is_current, "
            "database_name, 'SYSADMIN' AS owner, '' AS comment, '' AS options, '1' AS retention_time "
            f"FROM (SELECT * FROM duckdb_schemas() WHERE database_name IN ({_DATABASES}))"
        )
    elif kind == "DATABASES":
        where, name = [], "database_name"
        current = f"CASE WHEN database_name = {_text(session.database or '')} THEN 'Y' ELSE 'N' END"
        sql = (
            f"SELECT {_CREATED} AS created_on, database_name AS name, 'N' AS is_default, {current} AS is_current, "
            f"'' AS origin, 'SYSADMIN' AS owner, '' AS comment, 'STANDARD' AS kind FROM ({_DATABASES})"
        )
    elif kind == "COLUMNS":
        where, name = ([f"s = {_text(schema)}"] if schema else []), "n"
        if scope_kind == "TABLE" and isinstance(scope, exp.Table):
            tables.append(scope)
            where.append(f"t = {_text(scope.name)}")
        sql = (
            "SELECT t AS table_name, s AS schema_name, n AS column_name, "
            "json_object('type', type, 'nullable', nullable)::VARCHAR AS data_type, nullable AS \"null?\", "
            "coalesce(\"default\", '') AS \"default\", 'COLUMN' AS kind, '' AS expression, "
            "coalesce(comment, '') AS comment, d AS database_name "
            f"FROM memory.main.object_columns({_text(database)})"
        )
    elif kind == "WAREHOUSES":
        where, name = [], "name"
        rows = ", ".join(f"({_text(each)})" for each in session.warehouses)
        current = f"CASE WHEN name = {_text(session.warehouse)} THEN 'Y' ELSE 'N' END"
        sql = (
            "SELECT name, 'STARTED' AS state, 'STANDARD' AS type, 'X-Small' AS size, 0 AS running, 0 AS queued, "
            f"'N' AS is_default, {current} AS is_current, {_CREATED} AS created_on FROM (VALUES {rows}) AS w(name)"
        )
    else:
        raise errors.unsupported(f"SHOW {kind}")
    return Listing(_filtered(sql, tree, where, name), tables)


def _filtered(sql: str, tree: exp.Expr, where: list[str], name: str) -> str:
    if (like := tree.args.get("like")) is not None:
        where.append(f"{name} ILIKE {_text(like.name)} ESCAPE '\\'")
    if starts := tree.args.get("starts_with"):
        where.append(f"starts_with({name}, {_text(starts.name)})")
    after = tree.args.get("from_")
    if isinstance(after, exp.Expr):
        where.append(f"{name} > {_text(after.name)}")
    limit = tree.args.get("limit")
    tail = f" LIMIT {int(limit.expression.name)}" if isinstance(limit, exp.Limit) else ""
    return sql + (f" WHERE {' AND '.join(where)}" if where else "") + f" ORDER BY {name}" + tail


def _scope(scope: object, kind: str, session: Session) -> tuple[str, str | None]:
    """The database and, where one is meant, the schema that a SHOW looks into."""
    if isinstance(scope, exp.Table):
        if kind == "DATABASE":
            return scope.name, None
        if kind == "SCHEMA":
            return scope.text("db") or session.database or "", scope.name
        return scope.catalog or session.database or "", scope.text("db") or session.schema
    return session.database or "", None if kind in ("ACCOUNT", "DATABASE") else session.schema


def _describe(tree: exp.Expr, session: Session) -> Listing:
    table, kind = tree.this, str(tree.args.get("kind") or "TABLE").upper()
    if kind not in ("TABLE", "VIEW") or not isinstance(table, exp.Table):
        raise errors.unsupported(f"DESCRIBE {kind}")
    database, schema = table.catalog or session.database or "", table.text("db") or session.schema or ""
    sql = (
        "SELECT n AS name, type, 'COLUMN' AS kind, CASE WHEN nullable THEN 'Y' ELSE 'N' END AS \"null?\", "
        '"default", \'N\' AS "primary key", \'N\' AS "unique key", NULL::VARCHAR AS "check", '
        f"NULL::VARCHAR AS expression, comment FROM memory.main.object_columns({_text(database)}) "
        f"WHERE s = {_text(schema)} AND t = {_text(table.name)} ORDER BY i"
    )
    return Listing(sql, [table])


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
