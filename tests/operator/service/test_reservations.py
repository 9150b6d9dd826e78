"""Budgets on a real API server: written before they are answered, never more than the budget (case B12)."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from pipes_api.resources import Limits, Usage
from pipes_api.states import SessionState
from pipes_operator.service.reservations import Reservations

pytestmark = pytest.mark.apiserver


@pytest.fixture
async def agent(service: Any, namespace: str) -> Any:
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    return namespace, uid, token


def stored(service: Any, session: Any) -> dict[str, Any]:
    metadata = session.metadata
    path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{metadata.namespace}/agentsessions/{metadata.name}"
    return service.cluster.request("GET", path)[1]["status"]


async def test_a_reservation_is_in_the_status_before_it_is_answered(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=10, max_writes=2))
    status, answer = await service.post(
        token, "/v1/sessions/s/reserve", {"uid": session.metadata.uid, "calls": 5, "namespace": namespace}
    )
    assert (status, answer) == (200, {"calls": 5, "callsLeft": 5, "writesLeft": 2})
    assert stored(service, session)["usage"] == {"calls": 5}
    assert stored(service, session)["calls"] == "5/10"


async def test_the_budget_is_handed_out_exactly_and_the_next_attempt_ends_the_session(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=10))
    stream = await service.watch(token)
    got = 0
    for _ in range(30):
        status, answer = await service.post(token, "/v1/sessions/s/reserve", {"uid": session.metadata.uid, "calls": 5})
        if status == 429:
            await asyncio.sleep(answer["retryAfterSeconds"])
            continue
        if not answer.get("calls"):
            break
        got += answer["calls"]
    assert got == 10
    assert stored(service, session)["usage"]["calls"] == 10
    assert stored(service, session)["state"] == "BudgetExhausted"
    change = await stream.until(
        lambda e: getattr(getattr(e, "session", None), "state", None) is SessionState.BUDGET_EXHAUSTED
    )
    assert not change.session.live


async def test_two_hundred_parallel_calls_never_get_more_than_the_budget(service: Any, agent: Any) -> None:
    """Two pods of a shared session, maxCalls 20, maxWrites 3."""
    namespace, _, token = agent
    _, second = await service.pod(namespace, "b")
    session = await service.session(namespace, "s", shared=True)
    session = await service.activate(session, limits=Limits(max_calls=20, max_writes=3))
    about = {"uid": session.metadata.uid}

    async def one(number: int) -> tuple[int, int]:
        body = {**about, "calls": 1, "writes": 1} if number % 3 == 0 else {**about, "calls": 1}
        for _ in range(100):
            status, answer = await service.post((token, second)[number % 2], "/v1/sessions/s/reserve", body)
            if status != 429:
                return answer.get("calls", 0), answer.get("writes", 0)
            await asyncio.sleep(answer["retryAfterSeconds"] * 3)
        return 0, 0

    answers = await asyncio.gather(*(one(number) for number in range(200)))
    assert sum(calls for calls, _ in answers) == 20
    assert sum(writes for _, writes in answers) <= 3
    assert stored(service, session)["usage"]["calls"] == 20


async def test_denied_calls_are_counted_elsewhere(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=10))
    for _ in range(5):
        status, _ = await service.post(
            token, "/v1/sessions/s/usage", {"uid": session.metadata.uid, "calls": 7, "denied": 10}
        )
        assert status == 202
    async with asyncio.timeout(5):
        while (service.world.session(session.metadata.uid).status.usage or Usage()).denied < 50:
            await asyncio.sleep(0.02)
    usage = stored(service, session)["usage"]
    assert usage == {"denied": 50}, "calls of a session with limits are counted by reservation alone"


async def test_calls_without_limits_are_counted_lazily(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid)
    for _ in range(20):
        await service.post(token, "/v1/sessions/s/usage", {"uid": session.metadata.uid, "calls": 2, "writes": 1})
    async with asyncio.timeout(5):
        while (service.world.session(session.metadata.uid).status.usage or Usage()).calls < 40:
            await asyncio.sleep(0.02)
    assert stored(service, session)["usage"] == {"calls": 40, "writes": 20}


async def test_what_comes_back_is_capped_by_what_the_holder_has(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=10))
    about = {"uid": session.metadata.uid}
    await service.post(token, "/v1/sessions/s/reserve", {**about, "calls": 5})
    await service.post(token, "/v1/sessions/s/reserve", {**about, "returnCalls": 3})
    assert stored(service, session)["usage"]["calls"] == 2
    await service.post(token, "/v1/sessions/s/reserve", {**about, "returnCalls": 500})
    assert stored(service, session).get("usage", {}).get("calls", 0) == 0
    await service.post(token, "/v1/sessions/s/reserve", {**about, "calls": 4})
    # Another leader knows nothing of who holds what: nothing can be returned to it.
    service.app._reservations._lines.clear()
    await service.post(token, "/v1/sessions/s/reserve", {**about, "returnCalls": 4})
    assert stored(service, session)["usage"]["calls"] == 4


async def test_a_dead_session_hands_out_nothing(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=10))
    await service.revoke(session)
    async with asyncio.timeout(5):
        while service.world.session(session.metadata.uid).spec.revocation is None:
            await asyncio.sleep(0.01)
    status, failure = await service.post(token, "/v1/sessions/s/reserve", {"uid": session.metadata.uid, "calls": 1})
    assert (status, failure["reason"]) == (409, "SessionRevoked")


async def test_more_than_ten_a_second_are_told_when_to_come_again(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=1000))
    body = {"uid": session.metadata.uid, "calls": 1}
    answers = await asyncio.gather(*(service.post(token, "/v1/sessions/s/reserve", body) for _ in range(40)))
    limited = [failure for status, failure in answers if status == 429]
    assert 20 <= len(limited) <= 30
    assert limited[0]["reason"] == "RateLimited"
    assert 0 < limited[0]["retryAfterSeconds"] <= 0.1


async def test_waiting_reservations_of_one_session_share_a_write(service: Any, agent: Any) -> None:
    from pipes_operator.service import metrics

    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=1000, max_writes=1000))
    body = {"uid": session.metadata.uid, "calls": 1, "writes": 1}
    before = metrics.RESERVATION_WRITES._value.get()
    answers = await asyncio.gather(*(service.post(token, "/v1/sessions/s/reserve", body) for _ in range(10)))
    assert [status for status, _ in answers] == [200] * 10
    assert metrics.RESERVATION_WRITES._value.get() - before < 10
    assert stored(service, session)["usage"] == {"calls": 10, "writes": 10}


async def test_a_status_written_by_another_at_the_same_time_loses_nothing(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=1000))
    body = {"uid": session.metadata.uid, "calls": 1}

    async def others() -> None:
        for number in range(20):
            known = service.world.session(session.metadata.uid)
            changed = msgspec.structs.replace(known.status, message=f"round {number}")
            try:
                await service.writer.write_status(known, changed)
            except Exception:
                continue

    answers, _ = await asyncio.gather(
        asyncio.gather(*(service.post(token, "/v1/sessions/s/reserve", body) for _ in range(10))), others()
    )
    given = sum(answer.get("calls", 0) for status, answer in answers if status == 200)
    assert given == stored(service, session)["usage"]["calls"]


async def test_without_proof_nothing_is_reserved(service: Any, agent: Any) -> None:
    namespace, uid, token = agent
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=10))
    service.app._reservations._allowed = lambda: False
    status, failure = await service.post(token, "/v1/sessions/s/reserve", {"uid": session.metadata.uid, "calls": 1})
    assert (status, failure["reason"]) == (503, "Unavailable")
    assert isinstance(service.app._reservations, Reservations)
    assert stored(service, session).get("usage", {}) == {}


async def test_the_broker_reserves_for_any_namespace(service: Any, agent: Any) -> None:
    namespace, uid, _ = agent
    _, broker = await service.pod("pipes-system", f"broker-{namespace}", "broker")
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=10))
    body = {"uid": session.metadata.uid, "calls": 2, "namespace": namespace}
    status, answer = await service.post(broker, "/v1/sessions/s/reserve", body)
    assert (status, answer) == (200, {"calls": 2, "callsLeft": 8})
    status, _ = await service.post(broker, "/v1/sessions/s/end", {})
    assert status == 403
    assert datetime.now(UTC) < service.world.session(session.metadata.uid).status.expires_at
