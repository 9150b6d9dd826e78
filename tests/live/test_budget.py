"""Reservations: reads in chunks, writes one by one, never more than the budget, denials that say why."""

import asyncio

import pytest

from live import things
from live.session_service import SessionServiceServer
from pipes_api.grant import GrantedCall
from pipes_api.messages import Failure, ReportUsage, Reserve
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Limits, ToolLimits
from pipes_live.budget import READ_CHUNK, Budget
from pipes_live.client import SessionService
from pipes_live.usage import UsageReporter
from pipes_policy.limits import Place

READ, WRITE = Place(Access.READ), Place(Access.WRITE)
LIMITED = things.session(limits=Limits(max_calls=12))
FREE = things.session(uid="free")


async def test_without_limits_nothing_is_reserved(server: SessionServiceServer, client: SessionService) -> None:
    assert await Budget(client).take(FREE, WRITE) is None
    assert server.requests == []


async def test_reads_are_reserved_in_chunks_and_writes_one_by_one(
    server: SessionServiceServer, client: SessionService
) -> None:
    budget = Budget(client)
    for _ in range(READ_CHUNK + 1):
        assert await budget.take(LIMITED, READ) is None
    assert [each.calls for each in server.requests] == [READ_CHUNK, READ_CHUNK]
    for _ in range(2):
        assert await budget.take(LIMITED, WRITE) is None
    assert [(each.calls, each.writes) for each in server.requests[2:]] == [(1, 1), (1, 1)]
    assert all(each.namespace == "team-a" and each.uid == "session-1" for each in server.requests)


async def test_exactly_the_budget_passes_however_many_ask_at_once(
    server: SessionServiceServer, client: SessionService
) -> None:
    server.budget = 12
    budget = Budget(client)
    answers = await asyncio.gather(*(budget.take(LIMITED, READ) for _ in range(60)))
    assert sum(each is None for each in answers) == 12
    assert {each.reason for each in answers if each} == {Reason.BUDGET_EXHAUSTED}
    assert server.reserved == 12


async def test_what_was_not_sent_is_given_back(server: SessionServiceServer, client: SessionService) -> None:
    server.budget = 1
    budget = Budget(client)
    assert await budget.take(LIMITED, READ) is None
    await budget.give_back(LIMITED, READ)
    assert await budget.take(LIMITED, READ) is None
    assert await budget.take(LIMITED, READ) is not None
    await budget.give_back(LIMITED, WRITE)
    assert server.requests[-1] == Reserve(uid="session-1", return_calls=1, return_writes=1, namespace="team-a")


async def test_the_rest_of_a_chunk_is_returned(server: SessionServiceServer, client: SessionService) -> None:
    budget = Budget(client)
    await budget.take(LIMITED, READ)
    await budget.release(LIMITED)
    await budget.release(LIMITED)
    returned = [each.return_calls for each in server.requests if each.return_calls]
    assert returned == [READ_CHUNK - 1]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Failure(reason="RateLimited", message="too fast", retry_after_seconds=2.5), Reason.RATE_LIMITED),
        (Failure(reason="BudgetExhausted", message="used up"), Reason.BUDGET_EXHAUSTED),
        (Failure(reason="NotLeader", message="a standby"), Reason.OPERATOR_UNAVAILABLE),
    ],
)
async def test_a_refused_reservation_is_a_denial(
    server: SessionServiceServer, client: SessionService, said: Failure, reason: Reason
) -> None:
    server.refuse_with = said
    for access in Access:
        denial = await Budget(client).take(LIMITED, Place(access))
        assert denial is not None
        assert (denial.reason, denial.retry_after_seconds) == (reason, said.retry_after_seconds)
        assert denial.session == "session-1"


async def test_no_answer_is_a_denial(server: SessionServiceServer, client: SessionService) -> None:
    await server.stop()
    denial = await Budget(client).take(LIMITED, READ)
    assert denial is not None
    assert denial.reason is Reason.OPERATOR_UNAVAILABLE


async def test_usage_is_told_in_one_report_and_kept_while_nobody_answers(
    server: SessionServiceServer, client: SessionService
) -> None:
    usage = UsageReporter(client)
    for place in (READ, WRITE):
        usage.called(FREE, place)
        usage.called(LIMITED, place)
    usage.denied(LIMITED)
    await server.stop()
    await usage.flush()
    await server.start()
    await usage.flush()
    await usage.flush()
    assert server.requests == [
        ReportUsage(uid="free", calls=2, writes=1, namespace="team-a"),
        ReportUsage(uid="session-1", denied=1, namespace="team-a"),
    ]


EXACT = Place(Access.WRITE, exact="call-1")
OF_TOOL = Place(Access.READ, tool="snowflake_query")
TWO = things.session(things.granted(limits={"snowflake_query": ToolLimits(max_calls=2)}), uid="two")


async def test_an_exact_call_is_taken_by_its_id_and_once(server: SessionServiceServer, client: SessionService) -> None:
    once = things.session(things.granted(calls=(GrantedCall(tool="snowflake_query", arguments="{}"),)))
    budget = Budget(client)
    answers = await asyncio.gather(*(budget.take(once, EXACT) for _ in range(20)))
    assert [each for each in answers if each is None] == [None]
    denial = next(each for each in answers if each is not None)
    assert denial.reason is Reason.BUDGET_EXHAUSTED
    assert denial.session_expires_at == once.expires_at
    assert server.requests[0] == Reserve(uid="session-1", calls=1, writes=1, namespace="team-a", exact="call-1")
    await budget.give_back(once, EXACT)
    assert await budget.take(once, EXACT) is None


async def test_a_tool_with_a_budget_is_taken_one_by_one_and_named(
    server: SessionServiceServer, client: SessionService
) -> None:
    server.tool_budgets = {"snowflake_query": 2}
    budget = Budget(client)
    answers = await asyncio.gather(*(budget.take(TWO, OF_TOOL) for _ in range(20)))
    assert sum(each is None for each in answers) == 2
    refused = next(each for each in answers if each is not None)
    assert "its calls of snowflake_query" in refused.message
    assert all(each.calls == 1 and each.tool == "snowflake_query" for each in server.requests)
    await budget.give_back(TWO, OF_TOOL)
    assert server.requests[-1] == Reserve(uid="two", return_calls=1, namespace="team-a", tool="snowflake_query")
    assert await budget.take(TWO, OF_TOOL) is None


async def test_a_limit_that_came_after_the_approval_is_reserved_too(
    server: SessionServiceServer, client: SessionService
) -> None:
    assert await Budget(client).take(FREE, OF_TOOL) is None
    assert [each.tool for each in server.requests] == ["snowflake_query"]


async def test_what_is_left_is_told_exactly_or_not_at_all(server: SessionServiceServer, client: SessionService) -> None:
    budget = Budget(client)
    assert budget.left(LIMITED, READ) == {}
    await budget.take(LIMITED, READ)
    assert budget.left(LIMITED, READ) == {}, "the session service did not tell"
    server.budget = server.reserved + 12
    for number in range(1, 8):
        await budget.take(TWO, READ)
        assert budget.left(TWO, READ) == {"callsLeft": 12 - number}, "reads that are reserved ahead are still there"
    server.tool_budgets = {"snowflake_query": 2}
    await budget.take(TWO, OF_TOOL)
    assert budget.left(TWO, OF_TOOL) == {"callsLeft": 4, "tool": {"callsLeft": 1}}
    assert budget.left(TWO, READ) == {"callsLeft": 4}
    budget.forget("two")
    assert budget.left(TWO, READ) == {}
