"""Providers without a catalog, and tools of a binding's own: what reads, what writes, what is refused where."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from cluster.errors import ClusterError
from environment.agent import Agent
from environment.environment import Gateway
from environment.objects import example
from environment.observer import Observer
from environment.places import BOB
from environment.team import Team

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HUBSPOT = "api.hubapi.com"
CONTACTS = "/crm/v3/objects/contacts"


@pytest.mark.parametrize("mode", ["broker", "direct"])
async def test_reads_are_under_the_prefixes_and_nowhere_else(
    team: Team, observer: Observer, new_pod: Callable[..., Gateway], mode: str
) -> None:
    team.lend("any-provider.yaml")
    async with Agent.connected(new_pod(f"any-{mode}", direct=mode == "direct").mcp_url) as agent:
        name = await agent.ask({"name": "contacts", "access": "Read"})
        assert "only GET and HEAD under /crm/v3/objects or /crm/v3/owners pass" in team.summary(name)
        team.approve(name)
        await agent.until_live(name)
        observer.forget()

        read = await agent.call("contacts_request", method="GET", path=CONTACTS, query={"limit": 2})
        assert not read.is_error, read.text
        assert [call["path"] for call in observer.provider_calls(HUBSPOT)] == [CONTACTS]
        for request in (
            {"method": "GET", "path": "/crm/v3/properties/contacts"},
            {"method": "POST", "path": CONTACTS, "body": {"properties": {"email": "peter@initech.example"}}},
            {"method": "GET", "path": CONTACTS, "query": {"_method": "DELETE"}},
        ):
            refused = await agent.call("contacts_request", **request)
            assert refused.reason == "WriteNotAllowed", refused.text
        elsewhere = await agent.call("contacts_request", method="GET", path="//evil.example/crm/v3/objects")
        assert elsewhere.is_error
        assert len(observer.provider_calls()) == 1, "a refused call reached a provider"


async def test_one_write_is_made_safe_by_approving_it_as_it_is(
    team: Team, observer: Observer, new_pod: Callable[..., Gateway]
) -> None:
    team.lend("any-provider.yaml")
    gateway = new_pod("any-once")
    name = team.ask(example("any-provider.yaml")[-1], pod_uid=gateway.pod_uid, user=BOB)
    assert '"method":"POST","path":"/crm/v3/objects/contacts"' in team.summary(name)
    team.approve(name)
    peter = {"properties": {"email": "peter@initech.example", "firstname": "Peter"}}
    async with Agent.connected(gateway.mcp_url) as agent:
        await agent.until_live(name)
        observer.forget()
        assert (await agent.call("contacts_request", method="DELETE", path=f"{CONTACTS}/1")).reason == "CallMismatch"
        assert (await agent.call("contacts_request", method="GET", path=CONTACTS)).reason == "CallMismatch"
        made = await agent.call("contacts_request", method="POST", path=CONTACTS, body=peter)
        assert not made.is_error, made.text
        again = await agent.call("contacts_request", method="POST", path=CONTACTS, body=peter)
        assert again.reason == "BudgetExhausted"
        assert len(observer.provider_calls(HUBSPOT)) == 1


@pytest.mark.parametrize(
    ("provider", "host"), [("hubspot", "api.elsewhere.example"), ("github", "api.hubapi.com")], ids=["host", "provider"]
)
def test_a_host_that_is_not_allowed_for_the_provider_is_told_by_its_field(team: Team, provider: str, host: str) -> None:
    binding = deepcopy(example("any-provider.yaml")[0])
    binding["metadata"]["name"] = f"elsewhere-{provider}"
    binding["spec"] |= {"provider": provider, "endpoint": {"host": host}}
    team.write(binding)
    told = team.await_ready(binding["metadata"]["name"], "False")
    assert "spec.endpoint" in told
    assert host in told
    assert "allowedHosts" in told


@pytest.mark.parametrize("mode", ["broker", "direct"])
async def test_a_custom_tool_is_one_of_the_bindings_tools(
    team: Team, observer: Observer, new_pod: Callable[..., Gateway], mode: str
) -> None:
    team.lend("custom-tool.yaml")
    async with Agent.connected(new_pod(f"custom-{mode}", direct=mode == "direct").mcp_url) as agent:
        name = await agent.ask({"name": "crm"})
        assert "crm_accounts_of, crm_query" in team.summary(name)
        team.approve(name)
        await agent.until_live(name)
        observer.forget()

        found = await agent.call("crm_accounts_of", industry="Energy' OR Name != '")
        assert not found.is_error, found.text
        (sent,) = observer.provider_calls("acme.my.salesforce.com")
        assert "Energy%5C%27" in sent["query"], "what was given stays a literal"
        found = await agent.call("crm_accounts_of", industry="Energy")
        assert found.data["rows"], found.text
        assert all(row.keys() == {"Id", "Name"} for row in found.data["rows"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"request": {"method": "GET", "path": "/services/{nothing}"}}, "spec.tools.custom[0].request.path"),
        ({"name": "query"}, "spec.tools.custom[0].name"),
        ({"access": "Read", "request": {"method": "DELETE", "path": "/services"}}, "spec.tools.custom[0]"),
    ],
    ids=["unknown reference", "a name of the catalog", "a read that deletes"],
)
def test_a_wrong_custom_tool_is_told_by_its_place(team: Team, change: dict[str, Any], told: str) -> None:
    binding = deepcopy(example("custom-tool.yaml")[0])
    binding["metadata"]["name"] = "wrong"
    binding["spec"]["tools"].pop("include")
    binding["spec"]["tools"]["custom"][0] |= change
    team.write(binding)
    assert told in team.await_ready("wrong", "False")


def test_a_custom_tool_names_no_host(team: Team) -> None:
    binding = deepcopy(example("custom-tool.yaml")[0])
    binding["spec"]["tools"]["custom"][0]["request"]["path"] = "https://evil.example/x"
    with pytest.raises(ClusterError, match="write an absolute path without host and query"):
        team.write(binding, patience=0)
