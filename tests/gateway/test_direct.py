"""`mode: direct`: the gateway calls providers itself. Real egress, real catalog, real sandbox."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gateway.conftest import Start
from gateway.waiting import until, until_decided
from gateway.wire import Wire
from live import things
from live.session_service import SessionServiceServer
from pipes_api.grant import GrantedBinding, GrantedCall
from pipes_api.messages import ReportUsage, SessionView
from pipes_api.names import BUDGET_META, DENIAL_META
from pipes_api.resources import Access, Connection, Limits, ToolLimits
from pipes_api.states import SessionState
from pipes_catalog import advertised, load, to_wire
from pipes_egress.call import ToolRequest, ToolResult, failure
from pipes_egress.egress import Egress
from pipes_egress.settings import EgressSettings
from pipes_gateway.app import Gateway
from pipes_gateway.dispatch import Dispatched
from pipes_gateway.dispatch.direct import DirectDispatch
from pipes_gateway.settings import GatewaySettings
from pipes_live.places import Places
from pipes_sandbox.server import running
from pipes_sandbox.settings import Settings

QUERY = "snowflake_query"
CATALOG = load().by_provider["snowflake"]
TOOLS = {advertised("snowflake", name): tool for name, tool in CATALOG.tools.items()}
HASHES = {name: tool.hash for name, tool in TOOLS.items()}


class Observer:
    """What reached the providers, as the sandbox recorded it."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http = http
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def calls(self, service: str = "snowflake") -> list[dict[str, Any]]:
        url = f"{self._url}/_sandbox/calls?service={service}"
        async with self._http.get(url, headers=self._headers) as response:
            found: list[dict[str, Any]] = (await response.json())["calls"]
            return found

    async def statements(self) -> int:
        """How many statements were submitted; each may be polled for any number of times."""
        return sum(each["method"] == "POST" and each["path"].endswith("/statements") for each in await self.calls())

    async def fault(self, **fault: Any) -> None:
        url = f"{self._url}/_sandbox/faults"
        async with self._http.post(url, headers=self._headers, json=fault) as response:
            assert response.status < 300, await response.text()


@pytest.fixture
async def sandbox(http: aiohttp.ClientSession) -> AsyncIterator[Observer]:
    settings = Settings(port=0, synchronous_wait=0.2)
    async with running(settings) as endpoints:
        yield Observer(http, endpoints.url, settings.admin_token)


@pytest.fixture
async def gateway(
    settings: GatewaySettings, sandbox: Observer, service: SessionServiceServer, start: Start, tmp_path: Path
) -> Gateway:
    key = tmp_path / "workos-key"
    key.write_text("sk_test_sandbox")
    service.definitions = {tool.hash: to_wire(tool) for tool in TOOLS.values()}
    service.put(things.binding(tools=HASHES))
    direct = msgspec.structs.replace(settings, mode="direct", workos_key_file=key, sandbox=sandbox._url, broker_url="")
    gateway: Gateway = await start(direct)
    return gateway


def granted(access: Access = Access.READ) -> GrantedBinding:
    return things.granted(
        access=access,
        tools=HASHES,
        connection=Connection(user_id="user_alice"),
        account="data_installation_snowflake_alice",
        hosts=CATALOG.hosts,
    )


async def approve(gateway: Gateway, service: SessionServiceServer, session: SessionView) -> None:
    service.put(session)
    await until_decided(gateway, QUERY, None)


def reason_of(result: dict[str, Any]) -> str:
    return str(result["_meta"][DENIAL_META]["reason"])


async def sql(wire: Wire, statement: str) -> dict[str, Any]:
    return await wire.call(QUERY, {"statement": statement})


async def test_a_query_is_answered_and_a_refused_one_reaches_nobody(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, sandbox: Observer
) -> None:
    assert reason_of(await sql(wire, "select 1")) == "SessionRequired"
    assert await sandbox.calls() == []
    await approve(gateway, service, things.session(granted()))
    result = await sql(wire, "select count(*) as N from CRM.PUBLIC.CONTACTS")
    assert not result.get("isError"), result
    assert any("240" in each.get("text", "") for each in result["content"]), result
    assert await sandbox.statements() == 1
    service.put(things.over(things.session(granted()), SessionState.REVOKED, ended_by="alice@example.com"))
    await until_decided(gateway, QUERY, "SessionRevoked")
    assert reason_of(await sql(wire, "select 1")) == "SessionRevoked"
    assert await sandbox.statements() == 1
    await gateway._usage.flush()
    usage = [each for each in service.requests if isinstance(each, ReportUsage)]
    assert sum(each.calls for each in usage) == 1


async def test_a_write_under_a_read_grant_is_refused_before_it_is_sent(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, sandbox: Observer
) -> None:
    await approve(gateway, service, things.session(granted()))
    result = await sql(wire, "delete from CRM.PUBLIC.CONTACTS")
    assert reason_of(result) == "WriteNotAllowed"
    assert await sandbox.calls() == []
    service.put(things.session(granted(Access.WRITE)))
    await until(lambda: gateway.view.session("session-1").grant.bindings[0].access is Access.WRITE)  # type: ignore[union-attr]
    assert not (await sql(wire, "delete from CRM.PUBLIC.CONTACTS where 1 = 0")).get("isError")
    assert await sandbox.statements() == 1


async def test_wrong_arguments_are_an_error_that_names_the_field(
    wire: Wire, gateway: Gateway, service: SessionServiceServer
) -> None:
    await approve(gateway, service, things.session(granted()))
    result = await wire.call(QUERY, {"statement": 5})
    assert result["isError"] is True
    assert "statement" in result["content"][0]["text"]
    assert DENIAL_META not in result["_meta"]


async def test_the_end_of_a_session_cancels_at_the_provider_too(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, sandbox: Observer
) -> None:
    await approve(gateway, service, things.session(granted()))
    call = asyncio.create_task(sql(wire, "select SYSTEM$WAIT(30)"))

    async def sent(method: str, path: str) -> None:
        while not any(each["method"] == method and path in each["path"] for each in await sandbox.calls()):
            await asyncio.sleep(0.02)

    await asyncio.wait_for(sent("GET", "/statements/"), 5)
    service.put(things.over(things.session(granted()), SessionState.REVOKED))
    assert reason_of(await asyncio.wait_for(call, 5)) == "SessionRevoked"
    await asyncio.wait_for(sent("POST", "/cancel"), 5)


async def test_a_budget_lets_exactly_so_many_through_and_denials_cost_nothing(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, sandbox: Observer
) -> None:
    """B12"""
    service.budget = 4
    await approve(gateway, service, things.session(granted(), limits=Limits(max_calls=4)))
    for _ in range(5):
        assert reason_of(await sql(wire, "drop table CRM.PUBLIC.CONTACTS")) == "WriteNotAllowed"
        assert (await wire.call(QUERY, {}))["isError"] is True
    results = await asyncio.gather(*(sql(wire, f"select {number}") for number in range(10)))
    assert sum(not each.get("isError") for each in results) == 4
    assert {reason_of(each) for each in results if each.get("isError")} == {"BudgetExhausted"}
    assert await sandbox.statements() == 4


async def test_a_call_that_was_not_sent_gives_its_place_back(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, sandbox: Observer
) -> None:
    service.budget = 1
    await approve(gateway, service, things.session(granted(), limits=Limits(max_calls=1)))
    await sandbox.fault(match={"path": "/data-integrations/*"}, effect="vend_error", error="not_installed", times=1)
    assert (await sql(wire, "select 1"))["isError"] is True
    assert not (await sql(wire, "select 1")).get("isError")


class _Stops(Egress):
    """Takes its place in the budget, and then cannot send."""

    async def execute(self, request: ToolRequest) -> ToolResult:
        assert request.reserve is not None
        await request.reserve(Access.READ)
        return failure("the provider cannot be reached")


async def test_a_place_that_was_taken_and_not_used_is_given_back(
    service: SessionServiceServer, settings: GatewaySettings
) -> None:
    service.budget = 1
    session = things.session(granted(), limits=Limits(max_calls=1))
    gateway = Gateway(settings)
    dispatch = DirectDispatch(_Stops(EgressSettings()), Places(gateway.service, gateway._usage), gateway.view)
    call = gateway.facts.call(things.binding(tools=HASHES), QUERY, session)
    call = dataclasses.replace(call, definition=TOOLS[QUERY])
    for _ in range(3):
        outcome = await dispatch.execute(Dispatched(call, {}, lambda *_: None, lambda _: call, None, ""))
        assert outcome.denial is None
    assert service.reserved == 1
    await gateway.stop()


async def test_the_rate_of_a_binding_holds(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, sandbox: Observer
) -> None:
    service.put(things.binding(tools=HASHES, calls_per_minute=2))
    await approve(gateway, service, things.session(granted()))
    results = [await sql(wire, "select 1") for _ in range(3)]
    assert [each.get("isError", False) for each in results] == [False, False, True]
    assert reason_of(results[2]) == "RateLimited"
    assert 0 < results[2]["_meta"][DENIAL_META]["retryAfterSeconds"] <= 30
    assert await sandbox.statements() == 2


async def test_a_tools_own_budget_and_rate_hold_and_what_is_left_is_told(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, sandbox: Observer
) -> None:
    service.tool_budgets = {QUERY: 2}
    limited = msgspec.structs.replace(granted(), limits={QUERY: ToolLimits(max_calls=2, calls_per_minute=3)})
    await approve(gateway, service, things.session(limited))
    first = await sql(wire, "select 1")
    assert first["_meta"][BUDGET_META] == {"tool": {"callsLeft": 1}}
    rest = [await sql(wire, "select 1") for _ in range(3)]
    assert [reason_of(each) if each.get("isError") else None for each in rest] == [
        None,
        "BudgetExhausted",
        "RateLimited",
    ]
    assert await sandbox.statements() == 2


async def test_an_exact_call_is_sent_once_and_given_back_when_it_was_not_sent(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, sandbox: Observer
) -> None:
    call = GrantedCall(tool=QUERY, arguments='{"statement":"delete from CRM.PUBLIC.CONTACTS where 1 = 0"}')
    await approve(gateway, service, things.session(msgspec.structs.replace(granted(Access.WRITE), calls=(call,))))
    assert reason_of(await sql(wire, "delete from CRM.PUBLIC.CONTACTS")) == "CallMismatch"
    assert service.spent == set()
    await sandbox.fault(match={"path": "/data-integrations/*"}, effect="vend_error", error="not_installed", times=1)
    approved = "delete from CRM.PUBLIC.CONTACTS where 1 = 0"
    assert reason_of(await sql(wire, approved)) == "ConnectionUnavailable"
    assert not (await sql(wire, approved)).get("isError")
    assert reason_of(await sql(wire, approved)) == "BudgetExhausted"
    assert await sandbox.statements() == 1


@pytest.mark.parametrize("where", ["grant", "binding"])
async def test_arguments_are_held_to_grant_and_binding(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, sandbox: Observer, where: str
) -> None:
    few = {QUERY: {"properties": {"maxRows": {"maximum": 10}}}}
    service.put(things.binding(tools=HASHES, restrict=few if where == "binding" else {}))
    restricted = msgspec.structs.replace(granted(), restrict=few if where == "grant" else {})
    await approve(gateway, service, things.session(restricted))
    refused = await wire.call(QUERY, {"statement": "select 1", "maxRows": 11})
    assert reason_of(refused) == "ArgumentsNotAllowed"
    assert "maxRows must be at most 10" in refused["content"][0]["text"]
    assert await sandbox.calls() == []
    assert not (await wire.call(QUERY, {"statement": "select 1", "maxRows": 10})).get("isError")


async def test_pipes_in_trouble_is_no_hang_and_no_401(
    wire: Wire, gateway: Gateway, service: SessionServiceServer, sandbox: Observer
) -> None:
    await approve(gateway, service, things.session(granted()))
    await sandbox.fault(match={"service": "pipes"}, status=401)
    answer = await asyncio.wait_for(
        wire.modern("tools/call", {"name": QUERY, "arguments": {"statement": "select 1"}}), 10
    )
    assert answer.status == 200
    assert answer.result["isError"] is True
