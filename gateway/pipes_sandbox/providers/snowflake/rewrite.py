"""Where Snowflake and DuckDB differ beyond what sqlglot's dialects bridge."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

from pipes_sandbox.providers.snowflake import catalogue, errors
from pipes_sandbox.providers.snowflake.session import Session

_FLATTEN = """
(SELECT 1 AS "SEQ", CASE WHEN json_type(j) = 'OBJECT' THEN e."key" END AS "KEY", ltrim(e.fullkey, '$.') AS "PATH",
  CASE WHEN json_type(j) = 'ARRAY' THEN CAST(e."key" AS BIGINT) END AS "INDEX", e."value" AS "VALUE", j AS "THIS"
 FROM (SELECT CAST(__input__ AS JSON) AS j), json_each(j) AS e ORDER BY e.id)
"""
_SPACED_OFFSET = re.compile(r"\s([+-]\d\d):?(\d\d)$")
_SECONDS = {"SECONDS": 1.0, "SECOND": 1.0, "MINUTES": 60.0, "HOURS": 3600.0, "MILLISECONDS": 0.001}


@dataclass(slots=True)
class Work:
    tree: exp.Expr
    wait: float = 0.0
    tables: list[exp.Table] = field(default_factory=list)


def rewrite(tree: exp.Expr, session: Session) -> Work:
    """`tree` has its identifiers folded and its variables bound; it is changed in place.

    Raises StatementError where the sandbox has nothing that would behave like Snowflake.
    """
    if tree.find(exp.Into):
        raise errors.syntax("syntax error line 1 at position 0 unexpected 'INTO'.")
    work = Work(tree)
    work.wait = _take_waits(tree)
    _session_functions(tree, session)
    _sequences(tree, session)
    _values(tree)
    _table_functions(tree)
    _lateral_flatten(tree)
    _variants(tree)
    _division(tree)
    _definitions(tree)
    _merge(tree)
    _information_schema(tree, session)
    work.tables = _tables(tree)
    return work


def _take_waits(tree: exp.Expr) -> float:
    """`SYSTEM$WAIT(n [, unit])` is waited for before the statement runs; its value is Snowflake's text."""
    total = 0.0
    for call in list(tree.find_all(exp.Anonymous)):
        if str(call.this).strip('"').upper() != "SYSTEM$WAIT":
            continue
        amount, *unit = call.expressions
        if not isinstance(amount, exp.Literal) or amount.is_string or len(unit) > 1:
            raise errors.syntax("argument needs to be a constant: 'SYSTEM$WAIT'")
        word = unit[0].name.upper() if unit else "SECONDS"
        if word not in _SECONDS:
            raise errors.syntax(f"invalid time unit '{word}'")
        total += float(amount.name) * _SECONDS[word]
        call.replace(exp.Literal.string(f"waited {amount.name} {word.lower()}"))
    return total


def _session_functions(tree: exp.Expr, session: Session) -> None:
    values = {
        "CURRENT_USER": session.user,
        "CURRENT_ROLE": session.role,
        "CURRENT_WAREHOUSE": session.warehouse,
        "CURRENT_DATABASE": session.database,
        "CURRENT_SCHEMA": session.schema,
        "CURRENT_ACCOUNT": session.account.upper(),
        "CURRENT_ACCOUNT_NAME": session.account.upper(),
        "CURRENT_REGION": "AWS_EU_CENTRAL_1",
        "CURRENT_VERSION": "9.99.0",
        "CURRENT_TRANSACTION": None,
        "LAST_QUERY_ID": None,
    }
    for call in list(tree.find_all(exp.Func)):
        name = str(call.this) if isinstance(call, exp.Anonymous) else call.sql_name()
        if name.upper() in values:
            value = values[name.upper()]
            call.replace(exp.Null() if value is None else exp.Literal.string(value))


def _sequences(tree: exp.Expr, session: Session) -> None:
    for column in list(tree.find_all(exp.Column)):
        if column.name.upper() != "NEXTVAL" or not column.table:
            continue
        database = column.catalog or session.database or ""
        schema = column.text("db") or session.schema or ""
        path = ".".join(f'"{part}"' for part in (database, schema, column.table) if part)
        column.replace(exp.Anonymous(this="nextval", expressions=[exp.Literal.string(path)]))


def _values(tree: exp.Expr) -> None:
    """Columns of a bare VALUES are COLUMN1, COLUMN2 …, and `$1` means the first of them."""
    for values in list(tree.find_all(exp.Values)):
        alias = values.args.get("alias")
        if isinstance(values.parent, exp.Insert):
            continue
        if values.expressions and not (alias and alias.args.get("columns")):
            width = len(values.expressions[0].expressions) or 1
            columns = [exp.to_identifier(f"COLUMN{index + 1}", quoted=True) for index in range(width)]
            name = alias.this if alias else exp.to_identifier("VALUES", quoted=True)
            values.set("alias", exp.TableAlias(this=name, columns=columns))
    for parameter in list(tree.find_all(exp.Parameter)):
        if isinstance(parameter.this, exp.Literal) and parameter.name.isdigit():
            parameter.replace(exp.column(f"COLUMN{parameter.name}", quoted=True))
        else:
            name = parameter.name.upper()
            message = f"SQL compilation error: error line 1 at position 0\nSession variable '${name}' does not exist"
            raise errors.StatementError("002211", "02000", message)


def _flatten(explode: exp.Expr) -> exp.Expr:
    source = explode.this
    for argument in (explode.this, *explode.expressions):
        if isinstance(argument, exp.Kwarg):
            if argument.this.name.upper() != "INPUT":
                raise errors.unsupported(f"FLATTEN({argument.this.name.upper()})")
            source = argument.expression
    template = sqlglot.parse_one(_FLATTEN, dialect="duckdb")
    for column in list(template.find_all(exp.Column)):
        if column.name == "__input__":
            column.replace(source.copy())
    return template


def _table_functions(tree: exp.Expr) -> None:
    for call in list(tree.find_all(exp.TableFromRows)):
        inner = call.this
        alias = call.args.get("alias")
        if isinstance(inner, exp.Explode):
            replacement = _flatten(inner)
        elif isinstance(inner, exp.Generator):
            continue
        elif "RESULT_SCAN" in inner.sql("snowflake").upper():
            # Each request is its own session, so there never is an earlier result to scan.
            raise errors.StatementError("000709", "02000", "Statement  not found")
        else:
            raise errors.unsupported(inner.sql("snowflake").split("(")[0].upper())
        if alias is not None:
            replacement.set("alias", alias.copy())
        call.replace(replacement)
    for scan in list(tree.find_all(exp.Anonymous)):
        if str(scan.this).upper() in ("SEQ4", "SEQ8", "SEQ1", "SEQ2"):
            scan.replace(sqlglot.parse_one("row_number() OVER () - 1", dialect="duckdb"))


def _lateral_flatten(tree: exp.Expr) -> None:
    for lateral in list(tree.find_all(exp.Lateral)):
        if not isinstance(lateral.this, exp.Explode):
            continue
        alias = lateral.args.get("alias")
        replacement = exp.Lateral(this=_flatten(lateral.this))
        if alias is not None:
            replacement.set("alias", exp.TableAlias(this=alias.this.copy()))
        join = lateral.parent
        if isinstance(join, exp.Join) and not any(join.args.get(part) for part in ("on", "using", "side")):
            join.set("kind", "CROSS")
        lateral.replace(replacement)


def _variants(tree: exp.Expr) -> None:
    """A path cast to text is the string itself, not its JSON; VARIANT, OBJECT and untyped ARRAY are kept as JSON."""
    for cast in list(tree.find_all(exp.Cast)):
        if isinstance(cast.this, exp.JSONExtract) and cast.to.is_type(*exp.DataType.TEXT_TYPES):
            path = cast.this
            cast.set("this", exp.JSONExtractScalar(this=path.this.copy(), expression=path.expression.copy()))
        elif isinstance(cast.this, exp.Literal) and cast.to.is_type("timestamptz", "timestampltz"):
            # DuckDB reads an offset only when it follows the time at once.
            cast.this.set("this", _SPACED_OFFSET.sub(r"\1:\2", cast.this.name))
    for kind in list(tree.find_all(exp.DataType)):
        if kind.is_type("variant", "object") or (kind.is_type("array") and not kind.expressions):
            kind.replace(exp.DataType.build("json"))


def _division(tree: exp.Expr) -> None:
    """Snowflake fails where DuckDB answers infinity."""
    for division in list(tree.find_all(exp.Div)):
        divisor = division.expression
        if isinstance(divisor, exp.Literal) and divisor.name.strip("0."):
            continue
        failure = exp.Anonymous(this="error", expressions=[exp.Literal.string("Division by zero")])
        zero = exp.EQ(this=exp.paren(divisor.copy()), expression=exp.Literal.number(0))
        division.set("expression", exp.Case(ifs=[exp.If(this=zero, true=failure)], default=divisor.copy()))


def _merge(tree: exp.Expr) -> None:
    """DuckDB wants the assigned columns of MERGE without the target's name."""
    for update in tree.find_all(exp.Update) if isinstance(tree, exp.Merge) else ():
        for assignment in update.expressions:
            if isinstance(assignment.this, exp.Column):
                assignment.set("this", exp.column(assignment.this.this.copy()))


def _definitions(tree: exp.Expr) -> None:
    if not isinstance(tree, exp.Create):
        return
    if (clone := tree.args.get("clone")) is not None:
        tree.set("clone", None)
        tree.set("expression", exp.select("*").from_(clone.this.copy()))
    kept = [each for each in _properties(tree) if isinstance(each, exp.TemporaryProperty)]
    tree.set("properties", exp.Properties(expressions=kept) if kept else None)


def _properties(tree: exp.Create) -> list[exp.Expr]:
    properties = tree.args.get("properties")
    return list(properties.expressions) if properties else []


def _information_schema(tree: exp.Expr, session: Session) -> None:
    for table in list(tree.find_all(exp.Table)):
        if (replacement := catalogue.information_schema(table, session)) is not None:
            table.replace(replacement)


def _tables(tree: exp.Expr) -> list[exp.Table]:
    """Tables the statement reads or changes, without those it makes itself."""
    made = {cte.alias for cte in tree.find_all(exp.CTE)}
    defined = set[int]()
    if isinstance(tree, exp.Create | exp.Drop):
        defined = {id(table) for table in (tree.find(exp.Table),) if table}
        if isinstance(tree, exp.Drop):
            return []
    found = []
    for table in tree.find_all(exp.Table):
        if table.args.get("when") is not None:
            name = table.name
            message = (
                f"Time travel data is not available for table {name}. The requested time is either beyond the "
                "allowed time travel period or before the object creation time."
            )
            raise errors.StatementError("000707", "02000", message)
        if isinstance(table.this, exp.Identifier) and id(table) not in defined and table.name not in made:
            found.append(table)
        elif isinstance(table.this, exp.Var) and table.name.startswith("@"):
            raise errors.missing(table.name, "Stage")
    return found
