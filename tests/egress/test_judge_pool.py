"""Judging in worker processes: one tenant's statement cannot stall the others."""

import asyncio

import pytest

from pipes_api.resources import Access
from pipes_catalog.definition import Judge
from pipes_catalog.rules import JUDGE_LANGUAGES
from pipes_egress.judge.pool import JudgePool

SQL = Judge(language="sql", argument="statement", dialect="snowflake")
SOQL = Judge(language="soql", argument="soql")

GRAPHQL = Judge(language="graphql", argument="query", operation="operationName")

SLOW = "SELECT " + "a, " * 30_000 + "1"
SHORT = 0.01
"""Seconds in which no process of this world parses SLOW."""


async def test_a_worker_judges_and_the_verdict_is_remembered() -> None:
    async with JudgePool(workers=1) as pool:
        first = await pool.judge(SQL, {"statement": "SELECT 1"})
        again = await pool.judge(SQL, {"statement": "SELECT 1"})

        assert first.access is Access.READ
        assert again is first
        assert (await pool.judge(SQL, {"statement": "DELETE FROM t"})).access is Access.WRITE


async def test_no_process_is_started_before_it_is_needed() -> None:
    async with JudgePool(workers=1) as pool:
        assert (await pool.judge(SOQL, {"soql": "SELECT Id FROM Account"})).access is Access.READ
        assert not pool.processes

        await pool.judge(SQL, {"statement": "SELECT 1"})
        assert len(pool.processes) == 1


async def test_a_statement_over_the_time_limit_is_refused_and_its_worker_killed() -> None:
    async with JudgePool(workers=1, seconds=SHORT) as pool:
        await pool.warm()
        (process,) = pool.processes

        verdict = await pool.judge(SQL, {"statement": SLOW})

        assert verdict.refuse
        assert "in time" in verdict.why
        assert process.returncode is not None
        assert process not in pool.processes


async def test_the_next_statement_after_a_killed_worker_is_judged() -> None:
    async with JudgePool(workers=1, seconds=SHORT) as pool:
        await pool.warm()
        assert (await pool.judge(SQL, {"statement": SLOW})).refuse
        pool.seconds = 5.0
        assert (await pool.judge(SQL, {"statement": "SELECT 2"})).access is Access.READ


async def test_a_cancelled_judgement_leaves_no_answer_for_the_next() -> None:
    async with JudgePool(workers=1) as pool:
        await pool.warm()
        task = asyncio.create_task(pool.judge(SQL, {"statement": "SELECT 1, " + "a," * 10_000 + "1"}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert (await pool.judge(SQL, {"statement": "DROP TABLE t"})).access is Access.WRITE


async def test_text_that_is_not_unicode_is_refused() -> None:
    async with JudgePool(workers=1) as pool:
        assert (await pool.judge(SQL, {"statement": "SELECT '\ud800'"})).refuse


async def test_an_unknown_language_is_refused() -> None:
    async with JudgePool(workers=1) as pool:
        assert (await pool.judge(Judge(language="cobol", argument="x"), {"x": "STOP RUN"})).refuse


async def test_no_process_is_left_behind() -> None:
    async with JudgePool(workers=2) as pool:
        await asyncio.gather(pool.judge(SQL, {"statement": "SELECT 1"}), pool.judge(SQL, {"statement": "SELECT 2"}))
        processes = list(pool.processes)

    assert processes
    assert all(process.returncode is not None for process in processes)


async def test_a_worker_that_was_killed_while_idle_is_replaced() -> None:
    async with JudgePool(workers=1) as pool:
        await pool.warm()
        (process,) = pool.processes
        process.kill()
        await process.wait()

        assert (await pool.judge(SQL, {"statement": "SELECT 1"})).access is Access.READ


async def test_a_document_is_judged_with_the_operation_that_the_call_names() -> None:
    document = "query Q { viewer { id } }"
    async with JudgePool(workers=1) as pool:
        assert (await pool.judge(GRAPHQL, {"query": document})).access is Access.READ
        assert (await pool.judge(GRAPHQL, {"query": document, "operationName": "Q"})).access is Access.READ
        assert (await pool.judge(GRAPHQL, {"query": document, "operationName": "M"})).refuse
        assert (await pool.judge(GRAPHQL, {"query": document, "operationName": 5})).refuse


async def test_every_language_a_catalog_may_name_is_judged() -> None:
    async with JudgePool(workers=1) as pool:
        for language in JUDGE_LANGUAGES:
            dialect = "snowflake" if language == "sql" else ""
            verdict = await pool.judge(Judge(language=language, argument="x", dialect=dialect), {"x": ""})
            assert "this version cannot" not in verdict.why


async def test_what_one_session_asks_stands_in_a_line_of_its_own() -> None:
    """With a line for all, a hundred slow statements of one tenant would have every other wait until it gives up."""
    async with JudgePool(workers=2) as pool:
        slow = [pool.judge(SQL, {"statement": f"{SLOW}{n}"}, holder="one") for n in range(20)]
        tasks = [asyncio.create_task(each) for each in slow]
        await asyncio.sleep(0)
        verdict = await pool.judge(SQL, {"statement": "SELECT 1"}, holder="other")

        assert verdict.access is Access.READ
        assert sum(each.done() for each in tasks) < 10, "the other's statement did not wait for all of them"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_judgement_that_could_not_be_had_is_asked_for_again() -> None:
    """A machine that was busy for a moment must not make a statement refused for good."""
    async with JudgePool(workers=1, seconds=SHORT) as pool:
        await pool.warm()
        assert (await pool.judge(SQL, {"statement": SLOW})).refuse
        pool.seconds = 60.0
        assert (await pool.judge(SQL, {"statement": SLOW})).access is Access.READ
