"""Every shipped provider in one session: a call each, through gateway and broker, with the real client."""

from collections.abc import Callable
from typing import Any

import pytest

import pipes_catalog
from environment.agent import Agent
from environment.environment import Gateway
from environment.objects import binding_names, example
from environment.observer import Observer
from environment.team import Team

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

CALLS: dict[str, tuple[str, dict[str, Any], str]] = {
    "snowflake": ("query", {"statement": "SELECT COUNT(*) AS n FROM crm.public.orders"}, "600"),
    "google-drive": ("search", {"name": "Pricing"}, "Pricing 2026"),
    "salesforce": ("describe_object", {"object": "Account"}, "Industry"),
    "github": ("search_issues", {"query": "repo:acme/website anvil"}, "Price of the anvil is out of date"),
    "slack": ("list_channels", {}, "general"),
    "notion": ("search", {"query": "revenue"}, "Q3 revenue review"),
    "linear": ("search_issues", {"words": "anvil"}, "Anvil hits the floor too hard"),
    "atlassian": ("search_issues", {"jql": "project = WEB ORDER BY key"}, "WEB-1"),
    "hubspot": ("list_owners", {}, "alice@acme.example"),
    "google-calendar": ("list_events", {"timeMin": "2026-12-01T00:00:00Z"}, "Q4 planning"),
    "gmail": ("search_messages", {"query": "renewal"}, "Renewal in January"),
}
"""By provider: a tool, its arguments, and something that only real data holds."""


def test_every_shipped_catalog_has_a_call_here_and_a_binding_in_the_docs() -> None:
    shipped = set(pipes_catalog.load().by_provider) - {"http"}
    documented = {each["spec"]["provider"] for each in example("more-providers.yaml")} | set(binding_names())
    assert shipped == set(CALLS)
    assert shipped == documented


async def test_all_of_them_in_one_session(team: Team, observer: Observer, new_pod: Callable[..., Gateway]) -> None:
    names = [*binding_names(), *team.lend("more-providers.yaml")]
    async with Agent.connected(new_pod("everywhere").mcp_url) as agent:
        listed = list(await agent.tools())
        name = await agent.ask(*({"name": each} for each in names))
        shown = team.summary(name)
        assert all(f"Only read from {each} (" in shown for each in names)
        team.approve(name)
        await agent.until_live(name)
        assert list(await agent.tools()) == listed, "granted or not, tools are listed in one order"
        observer.forget()

        for provider, (tool, arguments, holds) in CALLS.items():
            answer = await agent.call(f"{provider.replace('-', '_')}_{tool}", **arguments)
            assert not answer.is_error, f"{provider}: {answer.text}"
            assert holds in answer.text, f"{provider}: {answer.text}"
            assert answer.meta["pipesmcp.io/content"] == "untrusted"
    callers = {call["token"]["user_id"] for call in observer.provider_calls() if call["token"]}
    assert callers == {"user_alice"}


async def test_tools_are_listed_alike_by_every_gateway(team: Team, new_pod: Callable[..., Gateway]) -> None:
    team.lend("more-providers.yaml")
    lists = []
    for mode in ("auto", "legacy"):
        async with Agent.connected(new_pod(f"alike-{mode}").mcp_url, mode) as agent:
            tools = await agent.tools()
            lists.append([(each.name, each.description, each.input_schema) for each in tools.values()])
            assert all(len(name) <= 64 for name in tools)
    assert lists[0] == lists[1]
