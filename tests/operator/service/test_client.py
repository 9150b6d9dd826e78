"""The client that gateway and broker use, against the service: both sides of the contract in one place."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipes_api import messages
from pipes_api.clock import boottime
from pipes_api.grant import GrantedCall
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Limits, RequestedBinding, ToolLimits
from pipes_api.states import SessionState
from pipes_live.budget import Budget
from pipes_live.client import SessionService as Client
from pipes_live.errors import Refused
from pipes_live.settings import ServiceSettings as ClientSettings
from pipes_policy.limits import Place, is_budgeted

pytestmark = pytest.mark.apiserver


@pytest.fixture
async def client(service: Any, namespace: str, tmp_path: Path) -> Any:
    """A client of pod `a`, its stream up: (namespace, pod uid, client)."""
    uid, token = await service.pod(namespace, "a")
    await service.binding(namespace)
    (tmp_path / "token").write_text(token)
    (tmp_path / "ca.crt").write_text(service.app.authority.pem)
    settings = ClientSettings(url=service.url, ca_file=tmp_path / "ca.crt", token_file=tmp_path / "token")
    async with Client(settings) as client:
        task = asyncio.create_task(client.run())
        assert await client.synchronized(5)
        yield namespace, uid, client
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Any, seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_session_lives_and_dies_in_the_clients_view(service: Any, client: Any) -> None:
    namespace, uid, gateway = client
    view = gateway.view
    assert view.identity.pod_uid == uid
    session = await service.active(namespace, "s", uid)
    await until(lambda: view.token(session.metadata.uid))
    claims = view.verifier.verify(view.token(session.metadata.uid))
    assert (claims.sid, claims.pod, claims.iss) == (session.metadata.uid, uid, view.issuer)
    assert claims.grant_hash == view.session(session.metadata.uid).grant_hash
    assert boottime() + 50 < view.lease_until(session.metadata.uid) <= boottime() + 60
    granted = view.session(session.metadata.uid).grant.binding("snowflake")
    for tool, digest in granted.tools.items():
        assert view.definition(digest) is not None, tool
    await service.revoke(session)
    await until(lambda: view.session(session.metadata.uid).state is SessionState.REVOKED)
    assert view.token(session.metadata.uid) is None


async def test_requests_reservations_and_ends_through_the_client(service: Any, client: Any) -> None:
    namespace, uid, gateway = client
    asked = await gateway.create(
        messages.CreateSession(reason="why", bindings=(RequestedBinding(name="snowflake"),), duration="15m")
    )
    assert asked.created
    again = await gateway.create(
        messages.CreateSession(reason="why", bindings=(RequestedBinding(name="snowflake"),), duration="15m")
    )
    assert (again.created, again.session.uid) == (False, asked.session.uid)
    await gateway.end(asked.session.name, asked.session.uid)
    await until(lambda: gateway.view.session(asked.session.uid).state is SessionState.WITHDRAWN)
    session = await service.active(namespace, "s", uid, limits=Limits(max_calls=3))
    about = {"uid": session.metadata.uid, "namespace": namespace}
    reserved = await gateway.reserve("s", messages.Reserve(calls=5, **about))
    assert reserved == messages.Reserved(calls=2, calls_left=1)
    await gateway.usage("s", messages.ReportUsage(denied=1, **about))
    with pytest.raises(Refused) as refused:
        await gateway.create(messages.CreateSession(reason="why", bindings=(), duration="15m"))
    assert refused.value.failure.reason == "InvalidRequest"


async def test_what_a_call_takes_is_what_the_operator_counts(service: Any, client: Any) -> None:
    """The budget as the executing side keeps it: taken, told, given back, and used up."""
    namespace, uid, gateway = client
    query, call = "snowflake_query", GrantedCall(tool="snowflake_query", arguments='{"statement":"SELECT 1"}')
    of_tool, exact = Place(Access.READ, tool=query), Place(Access.READ, exact=call.id)
    limits = Limits(max_calls=9)
    for name, place, what in (
        ("s1", of_tool, {"tool_limits": {query: ToolLimits(max_calls=1)}}),
        ("s2", exact, {"calls": (call,)}),
    ):
        made = (await service.active(namespace, name, uid, limits=limits, **what)).metadata.uid
        await until(lambda u=made: (seen := gateway.view.session(u)) is not None and seen.live)
        session, budget = gateway.view.session(made), Budget(gateway)
        assert is_budgeted(session)
        assert await budget.take(session, place) is None
        assert budget.left(session, place)["callsLeft"] == 8
        denial = await budget.take(session, place)
        assert denial is not None
        assert denial.reason is Reason.BUDGET_EXHAUSTED
        assert denial.session_expires_at == session.expires_at
        await until(lambda u=made: gateway.view.session(u).usage.calls == 1)
        assert gateway.view.session(made).usage.exact == ((call.id,) if place.exact else ())
        await budget.give_back(session, place)
        await until(lambda u=made: gateway.view.session(u).usage.calls == 0)
        assert await budget.take(session, place) is None
    assert budget.left(session, exact) == {"callsLeft": 8}


async def test_rotation_every_moment_breaks_no_token(service: Any, client: Any) -> None:
    """Case F03, the operator's side: every token that was handed out verifies, before and after each rotation."""
    namespace, uid, gateway = client
    seen: list[str] = []
    for number in range(8):
        session = await service.active(namespace, f"s{number}", uid)
        await until(lambda u=session.metadata.uid: gateway.view.token(u))
        seen.append(gateway.view.token(session.metadata.uid))
        for token in seen:
            await gateway.verify(token)
        await service.app.keys.rotate(datetime.now(UTC))
        for token in seen:
            await gateway.verify(token)
