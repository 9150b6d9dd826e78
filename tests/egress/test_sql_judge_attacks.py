"""Attacks on the SQL judge: the longer lists, writes put into honest reads, disguises, and texts made to exhaust it."""

import re
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

from data_files import lines
from pipes_api.resources import Access
from pipes_catalog.definition import Judge
from pipes_egress.judge import sql
from pipes_egress.judge.functions import READING
from pipes_egress.judge.pool import JudgePool

SNOWFLAKE = Dialect.get_or_raise("snowflake")
WRITES = [line for _, line in lines("sql_writes_more.txt")]
READS = [line for name in ("sql_reads.txt", "sql_reads_more.txt") for _, line in lines(name) if line]
QUERIES = [read for read in READS if re.match(r"(?i)select|with", read) and "PATTERN (" not in read]


@pytest.mark.parametrize("statement", WRITES)
def test_no_statement_of_the_longer_list_is_a_read(statement: str) -> None:
    verdict = sql.judge(statement)

    assert verdict.access is Access.WRITE
    assert verdict.why


@pytest.mark.parametrize("statement", [line for group, line in lines("sql_writes_more.txt") if group[0] == "W"])
def test_a_write_that_can_be_told_may_be_sent_as_one(statement: str) -> None:
    assert not sql.judge(statement).refuse, sql.judge(statement).why


@pytest.mark.parametrize("statement", [line for group, line in lines("sql_writes_more.txt") if group == "U5"])
def test_what_hides_a_second_statement_is_refused_even_as_a_write(statement: str) -> None:
    assert sql.judge(statement).refuse


ACTS = [
    *("(DELETE FROM t)", "(INSERT INTO t VALUES (1))", "(UPDATE t SET a = 1)", "(DROP TABLE t)", "(CALL p())"),
    *("(SELECT 1 INTO t2)", "(SELECT SYSTEM$ABORT_SESSION(1))", "(SELECT seq.NEXTVAL)", "(SELECT my_udf(1))"),
    *("SYSTEM$ABORT_SESSION(1)", "seq.NEXTVAL", "my_udf(1)", "db.sch.my_udf(1)", '"LOWER"(1)', "m!PREDICT(1)"),
    *("IDENTIFIER('f')(1)", "(SELECT * FROM TABLE(my_udtf(1)))", "1 ->> DELETE FROM t", "1; DELETE FROM t"),
]
PLACES = {TokenType.VAR, TokenType.NUMBER, TokenType.IDENTIFIER, TokenType.STAR}


@settings(deadline=None)
@given(read=st.sampled_from(QUERIES), act=st.sampled_from(ACTS), data=st.data())
def test_a_read_with_an_act_put_in_any_place_is_not_a_read(read: str, act: str, data: st.DataObject) -> None:
    tokens = SNOWFLAKE.tokenize(read)
    # After @ or a dot it would be another word of a name, which may be any.
    places = [
        token
        for before, token in pairwise(tokens)
        if token.token_type in PLACES and before.token_type not in (TokenType.PARAMETER, TokenType.DOT)
    ]
    assume(places)
    place = data.draw(st.sampled_from(places))

    assert sql.judge(read[: place.start] + act + read[place.end + 1 :]).access is Access.WRITE


NEUTRAL = [
    " ",
    "\n",
    "\t",
    "\r\n",
    " /**/ ",
    " /* x */ ",
    " -- x\n",
    " // x\n",
    " /* SELECT 1 */ ",
    " -- '\n",
    " /* $$ */ ",
]
HIDDEN = ["\u200b", "\u00a0", "\u2028", "\u0085", "\ufeff", "\u202e", "\u0000", "\u000b", "\u037e", "\uff1b", "\u00ad"]


@settings(deadline=None)
@given(write=st.sampled_from(WRITES), noise=st.lists(st.sampled_from(NEUTRAL), min_size=1, max_size=4), data=st.data())
def test_comments_and_layout_never_make_a_read_of_a_write(write: str, noise: list[str], data: st.DataObject) -> None:
    assume(not re.search("--|//|/[*]", write))  # a line break in its own comment would end that
    gaps = [match.start() for match in re.finditer(r"\s", write)] or [0]
    # From the end on: noise within noise could end a comment.
    for place in sorted((data.draw(st.sampled_from([*gaps, len(write)])) for _ in noise), reverse=True):
        write = write[:place] + noise.pop() + write[place:]

    assert sql.judge(write).access is Access.WRITE


@settings(deadline=None)
@given(write=st.sampled_from(WRITES), character=st.sampled_from(HIDDEN), data=st.data())
def test_characters_nobody_sees_never_make_a_read_of_a_write(write: str, character: str, data: st.DataObject) -> None:
    # Between backslashes it would move the end of a literal, in quotes make another name, for every reader.
    assume("\\" not in write and '"' not in write)
    place = data.draw(st.integers(0, len(write)))

    assert sql.judge(write[:place] + character + write[place:]).access is Access.WRITE


@settings(deadline=None)
@given(write=st.sampled_from(WRITES), cases=st.integers(0))
def test_the_case_of_letters_never_makes_a_read_of_a_write(write: str, cases: int) -> None:
    assume('"' not in write)  # in quotes another case is another name
    mixed = "".join(each.lower() if cases >> (at % 61) & 1 else each.upper() for at, each in enumerate(write))

    assert sql.judge(mixed).access is Access.WRITE


@settings(deadline=None)
@given(read=st.sampled_from(QUERIES), noise=st.sampled_from(NEUTRAL), data=st.data())
def test_comments_and_layout_never_make_a_write_of_a_read(read: str, noise: str, data: st.DataObject) -> None:
    tokens = [token for token in SNOWFLAKE.tokenize(read) if "@" not in read or token.start < read.index("@")]
    place = data.draw(
        st.sampled_from([token.start for token in tokens if read[token.start - 1 : token.start].isspace()] or [0])
    )

    assert sql.judge(read[:place] + noise + read[place:]).access is Access.READ


@settings(deadline=None)
@given(text=st.text(alphabet="SELECT selct()[]{}'\"$;,.:->@/*\\\n\x00\u00a0123!&%=", max_size=200))
def test_no_text_makes_the_judge_fail(text: str) -> None:
    verdict = sql.judge("SELECT " + text)

    assert verdict.why or verdict.access is Access.READ


FOREIGN = sorted(set(SNOWFLAKE.parser_class.FUNCTIONS) - READING - {"ANY", "EXISTS", "TABLE"})


def test_a_function_that_only_the_parser_knows_is_not_a_read_however_it_is_declared() -> None:
    """Snowflake has no such functions, so the name is one of a user's function; a table may be named alike."""
    assert len(FOREIGN) > 100
    for name in FOREIGN:
        for form in (
            "SELECT {}('x')",
            "WITH {0} (n) AS (SELECT 1) SELECT {0}('x') FROM {0}",
            "SELECT {0}('x') FROM (SELECT 1) AS {0} (n)",
            "SELECT * FROM TABLE({}('x'))",
        ):
            assert sql.judge(form.format(name)).access is Access.WRITE, form.format(name)


def test_a_table_may_have_the_name_of_a_function() -> None:
    assert sql.judge("WITH host (n) AS (SELECT 1) SELECT n FROM host").access is Access.READ


BOMBS = {
    "parentheses": "SELECT " + "(" * 49_000 + "1" + ")" * 49_000,
    "brackets": "SELECT " + "[" * 49_000 + "]" * 49_000,
    "braces": "SELECT " + "{" * 49_000 + "}" * 49_000,
    "a long IN": "SELECT a FROM t WHERE a IN (" + ",".join(["my_udf(1)"] * 9_000) + ")",
    "a long OR": "DELETE FROM t WHERE " + " OR ".join(["a=1"] * 13_000),
    "calls": "SELECT " + "my_udf(" * 12_000 + "1" + ")" * 12_000,
    "cases": "SELECT " + "CASE WHEN a THEN " * 5_500 + "1",
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 5_500 + "t" + ")" * 5_500,
    "quotes": "SELECT '" + "\\" * 99_000,
    "comments": "SELECT 1 " + "/*" * 49_000,
    "semicolons": "SELECT 1" + ";" * 90_000 + "DELETE FROM t",
    "DESCRIBE": "DESC FUNCTION a(" + "a " * 45_000,
    "too long": "SELECT " + "1," * 150_000 + "1",
}


async def test_no_text_stalls_or_ends_the_judge_for_those_who_wait() -> None:
    snowflake = Judge(language="sql", argument="statement", dialect="snowflake")
    async with JudgePool(workers=1) as pool:
        for name, bomb in BOMBS.items():
            verdict = await pool.judge(snowflake, {"statement": bomb})
            assert verdict.access is Access.WRITE, name

        assert (await pool.judge(snowflake, {"statement": "SELECT 2"})).access is Access.READ
