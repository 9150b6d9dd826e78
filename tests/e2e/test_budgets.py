"""Limits are exact: fifty calls at once get what was approved, no matter what is killed meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from environment import Environment
from environment.agent import Agent
from environment.observer import Observer
from environment.programs import Program
from environment.restless import HOST
from environment.team import Team
from environment.wire import Wire, denial

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

AT_ONCE = 50
TOOL = "counted_describe_object"
COUNTED: dict[str, Any] = {
    "apiVersion": "pipesmcp.io/v1alpha1",
    "kind": "ProviderBinding",
    "metadata": {"name": "counted", "namespace": "team-a"},
    "spec": {
        "provider": "salesforce",
        "connection": {"userId": "user_alice"},
        "limits": {"maxAccess": "Write", "tools": {"describe_object": {"maxCalls": 7}}},
    },
}


@pytest.fixture(scope="module")
def mortal() -> Iterator[Environment]:
    """An environment whose programs are killed."""
    with Environment.start() as started:
        yield started


@pytest.fixture(scope="module")
def people(mortal: Environment) -> Team:
    return Team(mortal)


@pytest.fixture
def record(mortal: Environment) -> Observer:
    return Observer(mortal.sandbox_url, mortal.sandbox_admin_token)


def _outcome(result: dict[str, Any]) -> str:
    return denial(result) or ("failed" if result.get("isError") else "passed")


async def _patiently(wire: Wire, tool: str, **arguments: Any) -> str:
    """The outcome of a call that comes again when it came too fast: more than ten reservations in a second."""
    while (told := _outcome(result := await wire.call(tool, **arguments))) == "RateLimited":
        await asyncio.sleep(result["_meta"]["pipesmcp.io/denial"]["retryAfterSeconds"])
    return told


@pytest.mark.parametrize(
    ("binding", "limits", "tool", "arguments", "allowed", "afterwards"),
    [
        ({"name": "counted"}, None, TOOL, {"object": "Account"}, 7, "passed"),
        (
            {"name": "salesforce"},
            {"maxCalls": 11},
            "salesforce_describe_object",
            {"object": "Account"},
            11,
            "BudgetExhausted",
        ),
        (
            {"name": "salesforce", "access": "Write"},
            {"maxWrites": 3},
            "salesforce_create",
            {"object": "Lead", "fields": {"LastName": "Bolton", "Company": "Initech"}},
            3,
            "passed",
        ),
    ],
    ids=["of a tool", "of a session", "of writes"],
)
async def test_fifty_at_once_get_exactly_the_limit(
    mortal: Environment,
    people: Team,
    record: Observer,
    binding: dict[str, Any],
    limits: dict[str, int] | None,
    tool: str,
    arguments: dict[str, Any],
    allowed: int,
    afterwards: str,
) -> None:
    people.bind(COUNTED)
    await _granted(mortal, people, binding, limits)
    record.forget()

    async with aiohttp.ClientSession() as http:
        wire = Wire(http, mortal.mcp_url)
        outcomes = await asyncio.gather(*(_patiently(wire, tool, **arguments) for _ in range(AT_ONCE)))
        assert Counter(outcomes) == {"passed": allowed, "BudgetExhausted": AT_ONCE - allowed}
        assert len(record.provider_calls(HOST)) == allowed
        other = await _patiently(wire, f"{binding['name']}_list_objects")
        assert other == afterwards, "what is not used up goes on"


async def test_of_fifty_at_once_a_minute_lets_its_number_through(mortal: Environment, people: Team) -> None:
    limits = {"maxAccess": "Read", "callsPerMinute": 5, "tools": {"describe_object": {"callsPerMinute": 3}}}
    metadata = {"name": "paced", "namespace": "team-a"}
    people.bind({**COUNTED, "metadata": metadata, "spec": {**COUNTED["spec"], "limits": limits}})
    await _granted(mortal, people, {"name": "paced"}, None)

    async with aiohttp.ClientSession() as http:
        wire = Wire(http, mortal.mcp_url)
        for tool, arguments, passing in (("describe_object", {"object": "Account"}, 3), ("list_objects", {}, 2)):
            calls = (wire.call(f"paced_{tool}", **arguments) for _ in range(AT_ONCE))
            results = await asyncio.gather(*calls)
            assert Counter(map(_outcome, results)) == {"passed": passing, "RateLimited": AT_ONCE - passing}
            waits = [each["_meta"]["pipesmcp.io/denial"]["retryAfterSeconds"] for each in results if denial(each)]
            assert all(0 < wait <= 60 for wait in waits)


@pytest.mark.parametrize("victim", ["gateway", "broker", "operator"])
async def test_what_is_killed_in_the_middle_never_leads_beyond_the_limit(
    mortal: Environment, people: Team, record: Observer, victim: str
) -> None:
    limit = 40
    name = await _granted(mortal, people, {"name": "salesforce"}, {"maxCalls": limit}, reason=f"kill the {victim}")
    record.forget()
    program: Program = getattr(mortal, victim)

    async with aiohttp.ClientSession() as http:
        calling = [asyncio.create_task(_call_until_exhausted(Wire(http, mortal.mcp_url))) for _ in range(8)]
        async with asyncio.timeout(20):
            while len(record.provider_calls(HOST)) < limit // 4:
                await asyncio.sleep(0.005)
        await asyncio.to_thread(program.kill)
        await asyncio.to_thread(program.start)
        passed = sum(await asyncio.gather(*calling))

    reached = len(record.provider_calls(HOST))
    assert limit // 4 <= passed <= reached <= limit
    assert people.status(name, "BudgetExhausted")["usage"]["calls"] <= limit


async def _call_until_exhausted(wire: Wire) -> int:
    """How many calls passed until the budget was used up, or the session gone with it."""
    passed = 0
    async with asyncio.timeout(60):
        while True:
            try:
                outcome = _outcome(await wire.call("salesforce_describe_object", object="Account"))
            except aiohttp.ClientError:
                outcome = "the gateway is away"
            passed += outcome == "passed"
            if outcome == "BudgetExhausted":
                return passed
            await asyncio.sleep(0.01)


async def _granted(
    environment: Environment,
    people: Team,
    binding: dict[str, Any],
    limits: dict[str, int] | None,
    reason: str = "counted",
) -> str:
    """A session of the first pod, in place of the one before."""
    async with Agent.connected(environment.mcp_url) as agent:
        more: dict[str, Any] = {"limits": limits} if limits else {}
        name = await agent.ask(binding, reason=reason, **more)
        people.approve(name)
        await agent.until_live(name)
    return name
