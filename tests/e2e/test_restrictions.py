"""What a binding restricts: shown to who approves, told to the agent, and held wherever calls are executed."""

from collections.abc import Callable
from typing import Any

import pytest

from environment.agent import Agent
from environment.environment import Gateway
from environment.observer import Observer
from environment.team import Team

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

COUNT = "SELECT COUNT(*) AS n FROM public.orders"


@pytest.mark.parametrize("mode", ["broker", "direct"])
async def test_only_arguments_that_satisfy_the_binding_pass(
    team: Team, observer: Observer, new_pod: Callable[..., Gateway], mode: str
) -> None:
    team.lend("restricted.yaml")
    gateway = new_pod(f"restricted-{mode}", direct=mode == "direct")
    async with Agent.connected(gateway.mcp_url) as agent:
        name = await agent.ask({"name": "reports"}, {"name": "notes", "access": "Write"})
        shown = team.summary(name)
        assert "reports_query only with database = CRM and maxRows at most 100." in shown
        assert "notes_create only with object one of Lead, Task." in shown
        team.approve(name)
        await agent.until_live(name)

        passed = await agent.call("reports_query", statement=COUNT, database="CRM", maxRows=10)
        assert not passed.is_error, passed.text
        assert passed.meta["pipesmcp.io/budget"] == {"tool": {"callsLeft": 19}}
        before = len(observer.provider_calls())
        refusals: list[tuple[dict[str, Any], str]] = [
            ({"database": "OTHER", "maxRows": 10}, "database"),
            ({"maxRows": 10}, "database"),
            ({"database": "CRM", "maxRows": 101}, "maxRows"),
            ({"database": "CRM"}, "maxRows"),
        ]
        for arguments, said in refusals:
            refused = await agent.call("reports_query", statement=COUNT, **arguments)
            assert refused.reason == "ArgumentsNotAllowed", refused.text
            assert said in refused.text
        refused = await agent.call("notes_create", object="Account", fields={"Name": "Initech"})
        assert refused.reason == "ArgumentsNotAllowed"
        assert "Lead" in refused.text, "the sentence tells what is allowed"
        assert len(observer.provider_calls()) == before, "a refused call reached the provider"

        task = await agent.call("notes_create", object="Lead", fields={"LastName": "Lumbergh", "Company": "Initech"})
        assert not task.is_error, task.text
