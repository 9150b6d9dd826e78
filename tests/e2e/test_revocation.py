"""With the stream up a revocation stops everything: after the denial was seen, the provider hears nothing more."""

import asyncio

import pytest

from environment import Environment
from environment.approver import Approver
from environment.observer import Observer
from environment.restless import HOST, approved_session, restless, until_state

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ROUNDS = 20
ON_THE_WIRE = 0.05
"""Seconds for which bytes that were sent before the denial may wait for the busy sandbox to take note of them."""


@pytest.mark.parametrize("mode", ["broker", "direct"])
async def test_no_send_after_the_denial_was_seen(
    environment: Environment, observer: Observer, alice: Approver, mode: str
) -> None:
    gateway = await asyncio.to_thread(environment.add_gateway, f"analyst-{mode}", direct=mode == "direct")
    for _ in range(ROUNDS):
        name = await approved_session(gateway.mcp_url, alice)
        async with restless(gateway.mcp_url, callers=4) as seen:
            await seen.until_allowed(10)
            await alice.revoke(name)
            acknowledged = await seen.until_denied(5, "SessionRevoked")
            await asyncio.sleep(0.3)
        late = [call for call in observer.provider_calls(HOST) if call["at"] > acknowledged + ON_THE_WIRE]
        assert late == [], f"{len(late)} sends after the denial"
        await until_state(alice, name, "Revoked")


async def test_a_long_statement_is_cancelled_at_the_provider(
    environment: Environment, observer: Observer, alice: Approver
) -> None:
    import aiohttp

    from environment.wire import Wire, denial

    async with aiohttp.ClientSession() as http:
        wire = Wire(http, environment.mcp_url)
        bindings = [{"name": "snowflake", "access": "Write"}]
        asked = await wire.call("request_session", reason="wait long", bindings=bindings, duration="10m")
        name = asked["structuredContent"]["session"]
        await alice.approve(name, (await until_state(alice, name, "AwaitingApproval"))["grantHash"])
        await until_state(alice, name, "Active")
        calling = asyncio.create_task(wire.call("snowflake_query", statement="SELECT SYSTEM$WAIT(30)"))
        async with asyncio.timeout(10):
            while not any("SYSTEM$WAIT" in call["body"] for call in observer.provider_calls()):
                assert not calling.done(), calling.result()
                await asyncio.sleep(0.02)
        await alice.revoke(name)
        result = await asyncio.wait_for(calling, 5)
    assert denial(result) == "SessionRevoked", result
