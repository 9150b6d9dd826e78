"""The policy chain is asked once what the call does is known, and again directly before everything that is sent."""

from typing import Any

import msgspec
import pytest

from egress_support import World, data, definition, told
from pipes_api.reasons import Reason
from pipes_api.resources import Access
from pipes_policy.call import Denial

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXPIRED = Denial(reason=Reason.SESSION_EXPIRED, message="session s expired", remedy="Ask again.", session="s")


async def test_it_is_asked_before_every_send(world: World) -> None:
    data(await world.call("snowflake", "query", {"statement": "SELECT id FROM crm.public.events", "maxRows": 9_000}))

    sends = await world.sandbox.calls(service="snowflake")
    assert world.policy.asked[0] == (Access.READ, False)
    assert world.policy.asked[1:] == [(Access.READ, True)] * len(sends)


async def test_a_denial_between_pages_is_the_result(world: World) -> None:
    def check(needs: Access | None, reserved: bool) -> Denial | None:
        asked.append(needs)
        return EXPIRED if len(asked) > 2 else None

    asked: list[Any] = []
    page = {"nextPageToken": "more", "files": [{"id": "a"}]}
    await world.sandbox.fault(match={"host": "www.googleapis.com"}, status=200, body=page)
    result = await world.call("google-drive", "search", {"query": "x"}, check=check)

    assert result.denial == EXPIRED
    assert len(await world.sandbox.calls(service="google-drive")) == 1


async def test_a_denial_before_the_first_send_sends_nothing_and_says_so(world: World) -> None:
    world.policy.denial = EXPIRED
    result = await world.call("google-drive", "search", {"query": "x"})

    assert result.denial == EXPIRED
    assert not result.sent
    assert await world.sandbox.calls() == []


async def test_the_budget_is_asked_once_and_after_everything_that_may_refuse(world: World) -> None:
    taken: list[Access] = []

    async def reserve(access: Access) -> Denial | None:
        taken.append(access)
        return None

    await world.call("salesforce", "create", {"object": 5}, reserve=reserve)
    await world.call("snowflake", "query", {"statement": "SELECT 1; SELECT 2"}, reserve=reserve)
    assert taken == []

    await world.call("snowflake", "query", {"statement": "SELECT id FROM crm.public.events"}, reserve=reserve)
    await world.call("salesforce", "create", {"object": "Contact", "fields": {"LastName": "x"}}, reserve=reserve)
    assert taken == [Access.READ, Access.WRITE]


async def test_a_used_up_budget_sends_nothing(world: World) -> None:
    used_up = Denial(reason=Reason.BUDGET_EXHAUSTED, message="used up", remedy="Ask.", session="s")

    async def reserve(access: Access) -> Denial | None:
        return used_up

    result = await world.call("google-drive", "search", {"query": "x"}, reserve=reserve)

    assert result.denial == used_up
    assert await world.sandbox.calls(service="google-drive") == []


async def test_arguments_are_held_to_the_schema_and_the_field_is_named(world: World) -> None:
    for arguments, field in (
        ({}, "statement"),
        ({"statement": 5}, "statement"),
        ({"statement": "SELECT 1", "maxRows": 0}, "maxRows"),
        ({"statement": "SELECT 1", "parameters": {"MULTI_STATEMENT_COUNT": 0}}, "parameters"),
    ):
        result = await world.call("snowflake", "query", arguments)
        assert result.is_error
        assert result.denial is None
        assert field in told(result)
    assert await world.sandbox.calls() == []


async def test_a_definition_without_an_exchange_is_not_executed(world: World) -> None:
    bare = msgspec.structs.replace(definition("google-drive", "search"), exchange=None)
    result = await world.call("google-drive", "search", {"query": "x"}, definition=bare)

    assert result.is_error
    assert await world.sandbox.calls() == []


async def test_a_denial_made_here_carries_the_sessions_name(world: World) -> None:
    result = await world.call("snowflake", "query", {"statement": "SELECT 1; SELECT 2"}, session_name="analyst-x")

    assert result.denial is not None
    assert result.denial.session == "analyst-x"
