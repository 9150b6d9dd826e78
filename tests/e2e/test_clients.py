"""The whole story with the official MCP client, unmodified, in both protocol eras; people use kubectl."""

import anyio
import pytest

from environment import Environment
from environment.agent import Agent
from environment.observer import Observer
from environment.places import ALICE, TEAM
from environment.team import as_it_says

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

STATEMENT = "SELECT COUNT(*) AS n FROM crm.public.orders"


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
async def test_list_refused_request_approve_call_end(environment: Environment, observer: Observer, mode: str) -> None:
    async with Agent.connected(environment.mcp_url, mode) as agent:
        assert {"request_session", "snowflake_query"} <= set(await agent.tools())
        before = len(observer.provider_calls())

        refused = await agent.call("snowflake_query", statement=STATEMENT)
        assert (refused.is_error, refused.text.startswith("permission denied: ")) == (True, True)
        assert refused.reason is not None
        assert len(observer.provider_calls()) == before, "a refused call reached the provider"

        asked = await agent.call(
            "request_session",
            reason=f"count the orders ({mode})",
            bindings=[{"name": "snowflake", "access": "Read"}],
            duration="5m",
        )
        assert not asked.is_error, asked.text
        name = asked.structured["session"]
        assert (await agent.call("snowflake_query", statement=STATEMENT)).reason == "AwaitingApproval"

        await _approve_with_kubectl(environment, name)
        with anyio.fail_after(10):
            while (answer := await agent.call("snowflake_query", statement=STATEMENT)).is_error:
                assert answer.reason == "AwaitingApproval", answer.text
        assert "N" in answer.text.upper()
        with anyio.fail_after(10):
            await agent.list_changed.wait()

        ended = await agent.call("end_session", name=name)
        assert not ended.is_error, ended.text
        assert (await agent.call("snowflake_query", statement=STATEMENT)).reason == "SessionEnded"


async def _approve_with_kubectl(environment: Environment, name: str) -> None:
    def kubectl() -> None:
        show = ("get", "agentsession", name, "-o", "jsonpath={.status.approveWith}")
        manifest = environment.cluster.run_kubectl(*show, namespace=TEAM, user=ALICE).stdout
        environment.cluster.run_kubectl(*as_it_says(manifest), user=ALICE, stdin=manifest)

    await anyio.to_thread.run_sync(kubectl)
