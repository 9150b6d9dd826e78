"""Trouble with a connection: it is told apart, nobody else asks for what one has asked for, and it heals by itself."""

import asyncio
from collections import Counter
from collections.abc import Callable

import aiohttp
import pytest

from environment.agent import Agent
from environment.environment import Gateway
from environment.objects import example
from environment.observer import Observer
from environment.team import Team
from environment.wire import Wire, denial

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SALESFORCE = "data_installation_salesforce_alice"
HUBSPOT = "data_installation_hubspot_alice"
LOST = {"effect": "vend_error", "error": "needs_reauthorization"}


@pytest.mark.parametrize("mode", ["broker", "direct"])
async def test_a_hundred_calls_as_the_token_ends_are_one_vend(
    team: Team, observer: Observer, new_pod: Callable[..., Gateway], mode: str
) -> None:
    gateway = new_pod(f"vending-{mode}", direct=mode == "direct")
    async with Agent.connected(gateway.mcp_url) as agent:
        name = await agent.ask({"name": "salesforce"})
        team.approve(name)
        await agent.until_live(name)
        assert not (await agent.call("salesforce_describe_object", object="Account")).is_error
        observer.forget()
        observer.end_tokens("salesforce")

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            wire = Wire(http, gateway.mcp_url)
            calls = (wire.call("salesforce_describe_object", object="Account") for _ in range(100))
            results = await asyncio.gather(*calls)
    assert not [each for each in results if each.get("isError")]
    assert observer.vends("salesforce") == 1


async def test_the_calls_of_three_pods_share_the_brokers_vend(
    team: Team, observer: Observer, new_pod: Callable[..., Gateway]
) -> None:
    urls = []
    for number in range(3):
        gateway = new_pod(f"sharing-{number}")
        urls.append(gateway.mcp_url)
        async with Agent.connected(gateway.mcp_url) as agent:
            name = await agent.ask({"name": "salesforce"})
            team.approve(name)
            await agent.until_live(name)
            assert not (await agent.call("salesforce_describe_object", object="Account")).is_error
    observer.forget()
    observer.end_tokens("salesforce")
    async with aiohttp.ClientSession() as http:
        calls = (Wire(http, url).call("salesforce_describe_object", object="Account") for url in urls * 20)
        told = Counter(denial(result) or result.get("isError", False) for result in await asyncio.gather(*calls))
    assert told == {False: 60}
    assert observer.vends("salesforce") == 1


async def test_a_connection_that_is_lost_comes_back_into_the_same_session(
    team: Team, observer: Observer, new_pod: Callable[..., Gateway]
) -> None:
    async with Agent.connected(new_pod("losing").mcp_url) as agent:
        name = await agent.ask({"name": "salesforce"})
        team.approve(name)
        await agent.until_live(name)
        assert not (await agent.call("salesforce_describe_object", object="Account")).is_error
        observer.change_account(SALESFORCE, state="needs_reauthorization")
        observer.end_tokens("salesforce")
        try:
            lost = await agent.call("salesforce_describe_object", object="Account")
            assert lost.reason == "ConnectionUnavailable", lost.text
            assert lost.denial is not None
            assert lost.denial["remedy"]
            told = team.condition(name, "ConnectionsAvailable", "False")
            assert "salesforce" in told["message"]
            assert team.status(name, "Active")
            assert "again" in team.await_ready("salesforce", "False")
        finally:
            observer.change_account(SALESFORCE, state="connected")
        team.await_ready("salesforce")
        team.condition(name, "ConnectionsAvailable", "True")
        back = await agent.call("salesforce_describe_object", object="Account")
        assert not back.is_error, back.text


async def test_one_no_of_pipes_ends_nothing(team: Team, observer: Observer, new_pod: Callable[..., Gateway]) -> None:
    async with Agent.connected(new_pod("once").mcp_url) as agent:
        name = await agent.ask({"name": "salesforce"})
        team.approve(name)
        await agent.until_live(name)
        match = {"path": "/data-integrations/salesforce/credentials"}
        observer.fault({"faults": [{"match": match, "times": 1, **LOST}]})
        try:
            observer.end_tokens("salesforce")
            refused = await agent.call("salesforce_describe_object", object="Account")
            assert refused.reason == "ConnectionUnavailable", refused.text
            passed = await agent.call("salesforce_describe_object", object="Account")
            assert not passed.is_error, passed.text
        finally:
            observer.fault({"faults": []})


async def test_scopes_that_are_missing_are_told_to_the_approver_and_to_the_agent(
    team: Team, observer: Observer, new_pod: Callable[..., Gateway]
) -> None:
    binding = next(each for each in example("more-providers.yaml") if each["metadata"]["name"] == "hubspot")
    granted = ["oauth", "crm.objects.contacts.read", "crm.objects.owners.read"]
    observer.change_account(HUBSPOT, scopes=granted)
    try:
        binding["metadata"]["name"] = "narrow"
        team.bind(binding)
        async with Agent.connected(new_pod("narrow").mcp_url) as agent:
            name = await agent.ask({"name": "narrow", "access": "Write"})
            assert "narrow lacks the scopes " in team.summary(name)
            assert "crm.objects.contacts.write" in team.summary(name)
            team.approve(name)
            await agent.until_live(name)
            before = len(observer.provider_calls())
            refused = await agent.call(
                "narrow_create_record", objectType="contacts", properties={"email": "p@initech.example"}
            )
            assert refused.reason == "ScopeMissing", refused.text
            assert "crm.objects.contacts.write" in refused.text
            assert len(observer.provider_calls()) == before, "nothing was sent"
            assert not (await agent.call("narrow_list_owners")).is_error
    finally:
        scopes = [*granted, "crm.objects.contacts.write", "crm.objects.companies.read", "crm.objects.companies.write"]
        scopes += ["crm.objects.deals.read", "crm.objects.deals.write", "tickets"]
        observer.change_account(HUBSPOT, scopes=scopes)
