"""Exact calls: shown whole, approved with kubectl, each used once, and nothing beside them."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from environment.agent import Agent
from environment.environment import Gateway
from environment.objects import example
from environment.observer import Observer
from environment.places import BOB
from environment.team import Team

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

LEAD: dict[str, Any] = {"object": "Lead", "fields": {"Company": "Initech", "LastName": "Lumbergh"}}
SALESFORCE = "acme.my.salesforce.com"


@pytest.mark.parametrize("mode", ["broker", "direct"])
async def test_one_approved_call_passes_once_and_nothing_else(
    team: Team, observer: Observer, new_pod: Callable[..., Gateway], mode: str
) -> None:
    gateway = new_pod(f"exact-{mode}", direct=mode == "direct")
    (document,) = example("exact-call.yaml")
    document["metadata"]["name"] += f"-{mode}"
    name = team.ask(document, pod_uid=gateway.pod_uid, user=BOB)
    shown = team.summary(name)
    assert "exactly this one call, once" in shown
    assert document["spec"]["bindings"][0]["calls"][0]["arguments"] in shown
    assert "not limited" not in shown
    team.approve(name)

    async with Agent.connected(gateway.mcp_url) as agent:
        await agent.until_live(name)
        before = len(observer.provider_calls(SALESFORCE))
        other = {**LEAD, "fields": {**LEAD["fields"], "Company": "Initrode"}}
        for mismatch in (other, {**LEAD, "object": "Contact"}, {**LEAD, "fields": {"LastName": "Lumbergh"}}):
            refused = await agent.call("salesforce_create", **mismatch)
            assert refused.reason == "CallMismatch", refused.text
        assert (await agent.call("salesforce_query", soql="SELECT Id FROM Lead LIMIT 1")).reason == "NotGranted"
        assert len(observer.provider_calls(SALESFORCE)) == before, "a refused call reached the provider"

        made = await agent.call("salesforce_create", **LEAD)
        assert not made.is_error, made.text
        again = await agent.call("salesforce_create", **LEAD)
        assert again.reason == "BudgetExhausted", again.text
        assert len(observer.provider_calls(SALESFORCE)) == before + 1


async def test_twenty_at_once_make_one(team: Team, observer: Observer, new_pod: Callable[..., Gateway]) -> None:
    gateway = new_pod("exact-race")
    (document,) = example("exact-call.yaml")
    document["metadata"]["name"] = "raced"
    name = team.ask(document, pod_uid=gateway.pod_uid, user=BOB)
    team.approve(name)
    before = len(observer.provider_calls(SALESFORCE))
    reasons: list[str | None] = []

    async with Agent.connected(gateway.mcp_url) as agent:
        await agent.until_live(name)

        async def create() -> None:
            answer = await agent.call("salesforce_create", **LEAD)
            reasons.append(answer.reason if answer.is_error else "made")

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(create)
    assert sorted(map(str, reasons)) == ["BudgetExhausted"] * 19 + ["made"]
    assert len(observer.provider_calls(SALESFORCE)) == before + 1
