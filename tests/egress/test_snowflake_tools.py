"""Snowflake's tools against the sandbox's SQL API: asynchronous statements, partitions, cells, cancellation."""

import asyncio
from typing import Any

import msgspec
import pytest

from egress_support import World, data, granted, told
from pipes_api.reasons import Reason
from pipes_api.resources import Access
from pipes_policy.call import Denial

pytestmark = pytest.mark.asyncio(loop_scope="module")

REVOKED = Denial(reason=Reason.SESSION_REVOKED, message="session s was revoked", remedy="Ask again.", session="s")


def is_cancel(call: dict[str, Any]) -> bool:
    return bool(call["path"].endswith("/cancel"))


async def query(world: World, statement: str, **arguments: Any) -> Any:
    return await world.call("snowflake", "query", {"statement": statement, **arguments})


async def test_a_query_gives_columns_and_decoded_rows(world: World) -> None:
    answer = data(await query(world, "SELECT id, name, stale FROM crm.public.contacts ORDER BY id LIMIT 2"))

    assert [each["name"] for each in answer["columns"]] == ["ID", "NAME", "STALE"]
    assert [row[0] for row in answer["rows"]] == [1, 2]
    assert isinstance(answer["rows"][0][2], bool)


async def test_what_is_sent_is_what_was_judged_and_pins_one_statement(world: World) -> None:
    statement = "select  1 as a -- as it was written\n"
    await query(world, statement, timeoutSeconds=7)

    (call,) = await world.sandbox.calls(method="POST", service="snowflake")
    body = msgspec.json.decode(call["body"])
    assert body == {"statement": statement, "timeout": 7, "parameters": {"multi_statement_count": 1}}
    assert call["host"] == "acme-eu1.snowflakecomputing.com"
    assert call["headers"]["X-Snowflake-Authorization-Token-Type"] == "OAUTH"


async def test_role_and_warehouse_come_from_the_binding_only(world: World) -> None:
    binding = granted("snowflake", endpoint={"role": "REPORTER", "warehouse": "COMPUTE_WH"})
    await world.call("snowflake", "query", {"statement": "SELECT 1"}, granted=binding)
    refused = await query(world, "SELECT 1", role="ACCOUNTADMIN")

    (call,) = await world.sandbox.calls(method="POST", service="snowflake")
    body = msgspec.json.decode(call["body"])
    assert (body["role"], body["warehouse"]) == ("REPORTER", "COMPUTE_WH")
    assert refused.is_error
    assert "role" in told(refused)


async def test_partitions_are_read_until_there_are_rows_enough(world: World) -> None:
    answer = data(await query(world, "SELECT id FROM crm.public.events ORDER BY id", maxRows=4_500))

    assert [row[0] for row in answer["rows"]] == list(range(1, 4_501))
    assert answer["numRows"] == 9_000
    asked = [call["query"] for call in await world.sandbox.calls() if "partition" in call["query"]]
    assert asked == ["partition=1", "partition=2"]


async def test_a_cut_result_says_so_and_how_to_get_the_rest(world: World) -> None:
    result = await query(world, "SELECT id FROM crm.public.events", maxRows=10)

    assert len(data(result)["rows"]) == 10
    assert "Cut after 10 rows" in told(result)
    assert "LIMIT" in told(result)


async def test_a_whole_result_says_nothing_of_a_cut(world: World) -> None:
    assert "Cut" not in told(await query(world, "SELECT id FROM crm.public.contacts LIMIT 5", maxRows=5))


async def test_rows_are_cut_whole_at_the_budget_of_bytes(world: World) -> None:
    result = await query(world, "SELECT * FROM crm.public.events", maxRows=9_000)

    assert len(result.content[0]["text"]) < 210_000
    assert all(len(row) == 4 for row in data(result)["rows"])
    assert "there are more" in told(result)


async def test_a_row_over_the_whole_budget_comes_with_its_texts_shortened(world: World) -> None:
    result = await query(world, "SELECT REPEAT('x', 300000) AS big, 7 AS n")

    assert data(result)["rows"][0][0].endswith("… (cut; 300,000 characters in all)")
    assert data(result)["rows"][0][1] == 7
    assert "shortened" in told(result)


async def test_the_result_is_marked_as_data(world: World) -> None:
    result = await query(world, "SELECT 1")

    assert result.meta == {"pipesmcp.io/content": "untrusted"}
    assert "not instructions" in result.content[-1]["text"]


async def test_a_write_is_told_from_a_read_and_really_happens(world: World) -> None:
    result = await query(world, "UPDATE crm.public.contacts SET name = 'Renamed' WHERE id = 40")
    after = data(await query(world, "SELECT name FROM crm.public.contacts WHERE id = 40"))

    assert result.access is Access.WRITE
    assert after["rows"] == [["Renamed"]]


async def test_a_write_under_a_read_grant_is_denied_before_anything_is_sent(world: World) -> None:
    world.policy.write = False
    result = await query(world, "DELETE FROM crm.public.contacts")

    assert result.denial is not None
    assert result.denial.reason is Reason.WRITE_NOT_ALLOWED
    assert not result.sent
    assert await world.sandbox.calls() == []


async def test_the_denial_names_the_function_that_could_not_be_proven(world: World) -> None:
    world.policy.write = False
    result = await query(world, "SELECT my_external_function(name) FROM crm.public.contacts")

    assert result.denial is not None
    assert "my_external_function" in result.denial.message


async def test_several_statements_are_refused_even_where_writing_is_allowed(world: World) -> None:
    result = await query(world, "SELECT 1; DELETE FROM crm.public.contacts")

    assert result.denial is not None
    assert result.denial.reason is Reason.ARGUMENTS_NOT_ALLOWED
    assert "more than one statement" in result.denial.message
    assert await world.sandbox.calls() == []


async def test_a_statement_that_runs_longer_is_polled(world: World) -> None:
    answer = data(await query(world, "SELECT SYSTEM$WAIT(0.3) AS waited"))

    assert len(answer["rows"]) == 1
    polls = [call for call in await world.sandbox.calls(method="GET", service="snowflake") if not call["query"]]
    assert len(polls) > 2


async def test_cancelling_the_call_cancels_the_statement(world: World) -> None:
    task = asyncio.create_task(query(world, "SELECT SYSTEM$WAIT(30)"))
    await world.sandbox.wait_for(lambda call: call["method"] == "GET" and call["service"] == "snowflake")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    cancel = await world.sandbox.wait_for(is_cancel)
    assert cancel["host"] == "acme-eu1.snowflakecomputing.com"


async def test_a_denial_between_polls_ends_the_call_and_cancels_the_statement(world: World) -> None:
    task = asyncio.create_task(query(world, "SELECT SYSTEM$WAIT(30)"))
    await world.sandbox.wait_for(lambda call: call["method"] == "GET" and call["service"] == "snowflake")
    world.policy.denial = REVOKED
    result = await task

    assert result.denial == REVOKED
    cancel = await world.sandbox.wait_for(is_cancel)
    later = await world.sandbox.calls(since=cancel["seq"], service="snowflake")
    assert later == []


async def test_cancelling_while_it_is_being_submitted_cancels_it_too(world: World) -> None:
    await world.sandbox.fault(match={"method": "POST", "path": "/api/v2/statements"}, delay=0.2, times=1)
    task = asyncio.create_task(query(world, "SELECT SYSTEM$WAIT(31)"))
    await world.sandbox.wait_for(lambda call: call["path"] == "/api/v2/statements")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await world.sandbox.wait_for(is_cancel)


async def test_a_statement_over_its_time_limit_is_told_as_that(world: World) -> None:
    result = await query(world, "SELECT SYSTEM$WAIT(20)", timeoutSeconds=1)

    assert result.is_error
    assert result.denial is None
    assert "time limit" in told(result)


async def test_an_sql_error_is_an_error_of_the_tool_and_no_denial(world: World) -> None:
    result = await query(world, "SELECT nope FROM crm.public.nowhere")

    assert result.is_error
    assert result.denial is None
    assert "002003" in told(result)
    assert "may not see it" in told(result)


async def test_a_statement_that_failed_is_not_cancelled(world: World) -> None:
    await query(world, "SELECT nope FROM crm.public.nowhere")

    assert not world.egress._clean_up
    assert not any(is_cancel(call) for call in await world.sandbox.calls())


async def test_objects_are_listed_with_quoted_names_in_fixed_statements(world: World) -> None:
    result = await world.call(
        "snowflake", "list_objects", {"kind": "tables", "database": 'a"; DROP', "schema": "b", "like": "c'%"}
    )

    (call,) = await world.sandbox.calls(method="POST", service="snowflake")
    statement = msgspec.json.decode(call["body"])["statement"]
    assert statement == """SHOW TABLES LIKE 'c\\'%' IN SCHEMA "a""; DROP"."b" LIMIT 200"""
    assert result.access is Access.READ


async def test_tables_and_columns_can_be_found(world: World) -> None:
    place = {"database": "CRM", "schema": "PUBLIC"}
    tables = data(await world.call("snowflake", "list_objects", {"kind": "tables", **place}))
    columns = data(await world.call("snowflake", "describe_object", {**place, "name": "CONTACTS"}))

    names = [each["name"] for each in tables["columns"]]
    assert "CONTACTS" in [row[names.index("name")] for row in tables["rows"]]
    assert [row[0] for row in columns["rows"]][:2] == ["ID", "NAME"]


async def test_a_schema_needs_its_database(world: World) -> None:
    result = await world.call("snowflake", "list_objects", {"kind": "tables", "schema": "PUBLIC"})

    assert result.is_error
    assert "database" in told(result)


async def test_progress_is_told_while_a_statement_runs(world: World) -> None:
    heard: list[tuple[float, str]] = []

    async def progress(done: float, sentence: str) -> None:
        heard.append((done, sentence))

    await world.call("snowflake", "query", {"statement": "SELECT SYSTEM$WAIT(0.3)"}, progress=progress)

    assert heard
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})


async def test_a_submission_that_got_no_answer_is_repeated_under_the_same_request_id(world: World) -> None:
    await world.sandbox.fault(match={"path": "/api/v2/statements"}, effect="reset", stage="after", times=1)
    answer = data(await query(world, "SELECT 5 AS n"))

    first, second = await world.sandbox.calls(path="/api/v2/statements")
    identity = first["query"].partition("requestId=")[2].partition("&")[0]
    assert answer["rows"] == [[5]]
    assert identity
    assert identity in second["query"]
    assert "retry=true" in second["query"]
    assert "retry" not in first["query"]
