"""Reads are provably reads: the whole lists of statements, and what hides behind a harmless look."""

import pytest

from data_files import lines
from pipes_api.resources import Access
from pipes_egress.judge import sql
from pipes_egress.judge.functions import AFTER, MATCHING, POSTFIX, TYPES

READS = [line for name in ("sql_reads.txt", "sql_reads_more.txt") for _, line in lines(name) if line]
WRITES = [line for group, line in lines("sql_writes.txt") if line and group[0] == "W"]
UNPROVABLE = [line for group, line in lines("sql_writes.txt") if line.strip() and group[0] == "U"]
SEVERAL = [line for group, line in lines("sql_writes.txt") if line and group == "U1"]


@pytest.mark.parametrize("statement", READS)
def test_an_honest_read_passes_as_a_read(statement: str) -> None:
    verdict = sql.judge(statement)

    assert verdict.access is Access.READ, verdict.why


@pytest.mark.parametrize("statement", WRITES)
def test_a_write_is_a_write_and_may_be_sent_as_one(statement: str) -> None:
    verdict = sql.judge(statement)

    assert verdict.access is Access.WRITE
    assert not verdict.refuse, verdict.why


@pytest.mark.parametrize("statement", UNPROVABLE)
def test_what_cannot_be_proven_is_never_a_read_and_says_why(statement: str) -> None:
    verdict = sql.judge(statement)

    assert verdict.access is Access.WRITE
    assert verdict.why


@pytest.mark.parametrize("statement", [*SEVERAL, "", " \n\t", ";", "-- x", "SELECT * FROM (SELECT 1", "VACUUM FULL t"])
def test_what_is_not_one_statement_is_refused_even_as_a_write(statement: str) -> None:
    assert sql.judge(statement).refuse


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 ->> DELETE FROM t",
        "SELECT 'a' ->> DELETE FROM t LIMIT 1",
        "WITH c AS (SELECT 1) SELECT 1 ->> DELETE FROM t",
        "EXPLAIN SELECT 1 ->> DELETE FROM t",
        "EXECUTE IMMEDIATE 'x' ->> DELETE FROM t",
        "CREATE TABLE z(a int) ->> INSERT INTO z SELECT 1",
    ],
)
def test_the_flow_operator_hides_nothing(statement: str) -> None:
    verdict = sql.judge(statement)

    assert verdict.refuse
    assert "->>" in verdict.why


def test_the_flow_operator_in_a_literal_is_text() -> None:
    assert sql.judge("SELECT '->>' AS arrow, \"->>\" FROM t -- plain").access is Access.READ


DELETE_DEEP = [
    "WITH a AS (WITH b AS (DELETE FROM t RETURNING *) SELECT * FROM b) SELECT * FROM a",
    "SELECT * FROM (DELETE FROM t) x",
    "SELECT 1 WHERE EXISTS (DELETE FROM t)",
    "SELECT 1 UNION ALL (DELETE FROM t)",
    "SELECT 1 UNION SELECT 2 INTO t3",
    "DESCRIBE DELETE FROM t",
    "SELECT * FROM t FOR UPDATE",
]


@pytest.mark.parametrize("statement", DELETE_DEEP)
def test_a_write_at_any_depth_is_a_write(statement: str) -> None:
    assert sql.judge(statement).access is Access.WRITE


ACTING = [
    "SELECT \"SYSTEM$CANCEL_QUERY\"('x')",
    "SELECT system$cancel_query('x')",
    "SELECT 1 WHERE SYSTEM$ABORT_SESSION(1)",
    "SELECT * FROM TABLE(SYSTEM$ABORT_SESSION(1))",
    "SELECT * FROM VALUES (SYSTEM$ABORT_SESSION(1))",
    "SELECT db.sch.LOWER(a)",
    'SELECT "lower"(a)',
    "SELECT IDENTIFIER('f')(1)",
    "SELECT * FROM IDENTIFIER($name)",
    "SELECT * FROM TABLE(refresh_contacts())",
    "SELECT model!PREDICT(a) FROM t",
    "SELECT AI_COMPLETE('m', 'p')",
    "SELECT SNOWFLAKE.CORTEX.COMPLETE('m', 'p')",
    "SELECT GET_PRESIGNED_URL(@s, 'f')",
    "SELECT BUILD_SCOPED_FILE_URL(@s, 'f')",
    'SELECT seq."NEXTVAL"',
    "SELECT seq . NEXTVAL",
    "SELECT * FROM TABLE(GETNEXTVAL(seq))",
    "WITH notify (n) AS (SELECT 1) SELECT notify(1) FROM notify",
    "SELECT a.LOWER (x) FROM a",
    "SELECT notify/* x */(1)",
    "EXPLAIN SELECT SYSTEM$ABORT_SESSION(1)",
]


@pytest.mark.parametrize("statement", ACTING)
def test_a_select_of_a_function_that_may_act_is_not_a_read(statement: str) -> None:
    assert sql.judge(statement).access is Access.WRITE


def test_the_reason_names_the_function() -> None:
    assert "my_external_function" in sql.judge("SELECT my_external_function(name) FROM contacts").why


@pytest.mark.parametrize("word", sorted(POSTFIX | MATCHING | TYPES | set(AFTER)))
@pytest.mark.parametrize(
    "form",
    [
        *("SELECT {}(x) FROM t", "SELECT a, {}(x) FROM t", "SELECT 1 FROM t WHERE {}(x)", "SELECT TOP 5 {}(x) FROM t"),
        *("SELECT * FROM TABLE({}(1))", "SELECT 1 FROM t ORDER BY {}(x)", "SELECT OBJECT({}(x)) FROM t"),
    ],
)
def test_a_function_named_like_a_word_of_the_language_is_not_a_read(word: str, form: str) -> None:
    assert sql.judge(form.format(word)).access is Access.WRITE


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 --\u2028; DELETE FROM t",
        "SELECT 1 --\x0b; DELETE FROM t",
        "SELECT\u00a01",
        "SELECT 1 /* \u200b */",
        "SELECT '\x00'",
        "\ufeffSELECT 1",
        "SELECT ｓｙｓｔｅｍ(1)",
        "SELECT a$$b$$",
        "SELECT 1 /* /* */ || ' */ ; DROP TABLE t -- '",
    ],
)
def test_characters_on_which_readers_disagree_are_refused(statement: str) -> None:
    assert sql.judge(statement).refuse


def test_text_of_any_language_may_stand_in_a_literal() -> None:
    assert sql.judge("SELECT 'naïve', 'שלום', '👩\u200d👧', \"Größe\" FROM t").access is Access.READ


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT CAST(a AS NUMBER(10,2)), a::VARCHAR(10), TRY_CAST(x AS INT) FROM t",
        "SELECT DATE_TRUNC('month', d), DATEADD(day, -7, CURRENT_DATE), EXTRACT(year FROM d) FROM t GROUP BY 1, 2",
        "SELECT COUNT(DISTINCT a), SUM(CASE WHEN x THEN 1 ELSE 0 END) FROM t1 JOIN t2 USING (id)",
        "SELECT a FROM t WHERE (a, b) IN (SELECT 1, 2)",
        "SELECT * FROM t PIVOT (SUM(a) FOR m IN ('JAN', 'FEB')) AS p (x, y)",
        "SELECT * FROM a ASOF JOIN b MATCH_CONDITION (a.x >= b.x) ON a.id = b.id",
        "SELECT a FROM t GROUP BY CUBE (a, b)",
        "SELECT SUM(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
        "SHOW GRANTS ON TABLE contacts",
        "SELECT * FROM t CHANGES (INFORMATION => DEFAULT) AT (TIMESTAMP => '2026-01-01'::TIMESTAMP)",
    ],
)
def test_the_usual_forms_of_analysis_are_reads(statement: str) -> None:
    assert sql.judge(statement).access is Access.READ, sql.judge(statement).why


def test_a_statement_over_the_limit_is_refused() -> None:
    assert sql.judge("SELECT " + "1," * sql.LONGEST + "1").refuse


def test_deep_nesting_ends_in_a_verdict_and_not_in_a_crash() -> None:
    assert sql.judge("SELECT " + "(" * 5_000 + "1" + ")" * 5_000).access is Access.WRITE


def test_another_dialect_is_refused() -> None:
    assert sql.judge("SELECT 1", "postgres").refuse
