"""Budgets of single tools, and exact calls, on a real API server: never one more, never twice, also after a restart."""

import asyncio
from typing import Any

import pytest

from pipes_api.grant import GrantedCall
from pipes_api.resources import Limits, ToolLimits, Usage

pytestmark = pytest.mark.apiserver

QUERY, LIST = "snowflake_query", "snowflake_list_objects"
CALL = GrantedCall(tool=QUERY, arguments='{"statement":"SELECT 1"}')
OTHER = GrantedCall(tool=QUERY, arguments='{"statement":"SELECT 2"}')


@pytest.fixture
async def agent(service: Any, namespace: str) -> Any:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    return namespace, uid, token


def of_query(most: int) -> dict[str, Any]:
    return {QUERY: ToolLimits(max_calls=most)}


async def reserve(service: Any, token: str, session: Any, **what: Any) -> tuple[int, dict[str, Any]]:
    path = f"/v1/sessions/{session.metadata.name}/reserve"
    status, answer = await service.post(token, path, {"uid": session.metadata.uid, **what})
    return status, {name: each for name, each in answer.items() if not name.endswith("Left")}


def usage(service: Any, session: Any) -> Any:
    return service.world.session(session.metadata.uid).status.usage


async def test_two_hundred_parallel_calls_of_a_tool_get_exactly_its_budget(service: Any, agent: Any) -> None:
    """A shared session of two pods; most are told to come again later, which uses up nothing."""
    namespace, _, token = agent
    _, second = await service.pod(namespace, "b")
    session = await service.session(namespace, "s", shared=True)
    session = await service.activate(session, tool_limits=of_query(7))

    answers = await asyncio.gather(
        *(reserve(service, (token, second)[number % 2], session, calls=1, tool=QUERY) for number in range(200))
    )

    assert {status for status, _ in answers} <= {200, 429}
    assert sum(answer.get("calls", 0) for _, answer in answers) == 7
    assert usage(service, session) == Usage(calls=7, tools={QUERY: 7})
    assert service.world.session(session.metadata.uid).status.state == "Active"


async def test_two_hundred_parallel_tries_make_an_exact_call_once(service: Any, agent: Any) -> None:
    namespace, _, token = agent
    _, second = await service.pod(namespace, "b")
    session = await service.session(namespace, "s", shared=True)
    session = await service.activate(session, calls=(CALL, OTHER))

    answers = await asyncio.gather(
        *(reserve(service, (token, second)[number % 2], session, calls=1, exact=CALL.id) for number in range(200))
    )

    assert sum(answer.get("calls", 0) for _, answer in answers) == 1
    assert usage(service, session) == Usage(calls=1, exact=(CALL.id,))
    await asyncio.sleep(0.2)
    assert await reserve(service, token, session, calls=1, exact=OTHER.id) == (200, {"calls": 1})


async def test_a_used_up_tool_does_not_end_the_session_and_other_tools_go_on(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, tool_limits=of_query(1), limits=Limits(max_calls=3))

    assert await reserve(service, token, session, calls=1, tool=QUERY) == (200, {"calls": 1})
    assert await reserve(service, token, session, calls=1, tool=QUERY) == (200, {})
    assert await reserve(service, token, session, calls=1) == (200, {"calls": 1})
    assert service.world.session(session.metadata.uid).status.state == "Active"
    assert await reserve(service, token, session, calls=1) == (200, {"calls": 1})
    await reserve(service, token, session, calls=1)
    assert service.world.session(session.metadata.uid).status.state == "BudgetExhausted"


async def test_a_ceiling_that_the_binding_has_lowered_since_holds(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, tool_limits=of_query(5))
    await service.binding(namespace, limits={"maxAccess": "Write", "tools": {"query": {"maxCalls": 1}}})

    assert await reserve(service, token, session, calls=1, tool=QUERY) == (200, {"calls": 1})
    assert await reserve(service, token, session, calls=1, tool=QUERY) == (200, {})


async def test_a_call_that_was_not_sent_comes_back(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, tool_limits=of_query(1), calls=(CALL,))
    both = {"tool": QUERY, "exact": CALL.id}

    assert await reserve(service, token, session, calls=1, **both) == (200, {"calls": 1})
    await reserve(service, token, session, returnCalls=1, **both)
    assert usage(service, session) in (None, Usage())
    assert await reserve(service, token, session, calls=1, **both) == (200, {"calls": 1})


async def test_counts_survive_the_operator_and_its_successor_takes_nothing_back(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, tool_limits=of_query(2), calls=(CALL, OTHER))
    await reserve(service, token, session, calls=1, tool=QUERY, exact=CALL.id)
    # What another leader finds: the object, and nothing of who holds what.
    service.app._reservations._lines.clear()
    path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{namespace}/agentsessions/s"
    stored = (await service.run(service.cluster.request, "GET", path))[1]["status"]["usage"]
    assert stored == {"calls": 1, "tools": {QUERY: 1}, "exact": [CALL.id]}

    await reserve(service, token, session, returnCalls=1, tool=QUERY, exact=CALL.id)
    assert await reserve(service, token, session, calls=1, tool=QUERY, exact=CALL.id) == (200, {})
    assert await reserve(service, token, session, calls=1, tool=QUERY, exact=OTHER.id) == (200, {"calls": 1})
    assert await reserve(service, token, session, calls=1, tool=QUERY) == (200, {})


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ({"calls": 2, "tool": QUERY}, "one by one"),
        ({"returnCalls": 2, "exact": CALL.id}, "one by one"),
        ({"calls": 1, "tool": "snowflake_drop"}, "grants no tool 'snowflake_drop'"),
        ({"calls": 1, "exact": OTHER.id}, "no such exact call"),
        ({"calls": 1, "exact": "x"}, "no such exact call"),
    ],
)
async def test_what_the_grant_does_not_hold_is_not_reserved(service: Any, agent: Any, what: Any, why: str) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, calls=(CALL,))

    status, failure = await reserve(service, token, session, **what)

    assert status == 400
    assert why in failure["message"]


async def test_calls_of_a_session_with_such_limits_are_counted_by_reservation_alone(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, tool_limits=of_query(5))
    about = {"uid": session.metadata.uid}
    await reserve(service, token, session, calls=1, tool=QUERY)

    status, _ = await service.post(token, "/v1/sessions/s/usage", {**about, "calls": 9, "denied": 2})

    assert status == 202
    async with asyncio.timeout(5):
        while not usage(service, session).denied:
            await asyncio.sleep(0.02)
    assert usage(service, session) == Usage(calls=1, denied=2, tools={QUERY: 1})
