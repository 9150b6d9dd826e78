"""Whatever fails, access ends in time: an independent record shows when the provider was last called.

The bound is design's own: a lease, and the age that the proof of a current view may have.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from environment import Environment
from environment.approver import Approver
from environment.cut import Line
from environment.observer import Observer
from environment.places import ALICE, TEAM
from environment.restless import HOST, approved_session, restless, until_state

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

LEASE = 8.0
PROOF = 6.0
BLIND = ("LeaseExpired", "OperatorUnavailable", "ConnectionUnavailable")
SLACK = 1.5
"""Scheduling on a busy machine; the bound itself has none."""


@pytest.fixture(scope="module")
def fragile() -> Iterator[Environment]:
    """An environment with short leases, so that waiting for one to end takes seconds."""
    settings = {"leaseSeconds": LEASE, "proofSeconds": PROOF, "heartbeatSeconds": 1, "relistSeconds": 5}
    with Environment.start(operator=settings) as started:
        yield started


@pytest_asyncio.fixture
async def approver(fragile: Environment) -> AsyncIterator[Approver]:
    async with Approver(fragile.cluster.url, fragile.cluster.kubeconfig(ALICE)) as alice:
        yield alice


@pytest.fixture
def record(fragile: Environment) -> Observer:
    return Observer(fragile.sandbox_url, fragile.sandbox_admin_token)


def _last_call(record: Observer) -> float:
    return max((call["at"] for call in record.provider_calls(HOST)), default=0.0)


async def test_a_gateway_cut_from_the_operator_stops_when_its_lease_ends(
    fragile: Environment, approver: Approver, record: Observer
) -> None:
    with Line(fragile.ports.operator) as line:
        url = f"https://127.0.0.1:{line.port}"
        gateway = await asyncio.to_thread(fragile.add_gateway, "analyst-cut", direct=True, operatorUrl=url)
        name = await approved_session(gateway.mcp_url, approver)
        async with restless(gateway.mcp_url) as seen:
            await seen.until_allowed(10)
            line.cut()
            cut = time.time()
            await approver.revoke(name)
            await seen.until_denied(LEASE + SLACK, "LeaseExpired", "OperatorUnavailable")
            await asyncio.sleep(1)
        assert _last_call(record) <= cut + LEASE
        await asyncio.to_thread(gateway.program.stop)


async def test_the_broker_hears_of_a_revocation_that_a_cut_gateway_missed(
    fragile: Environment, approver: Approver, record: Observer
) -> None:
    with Line(fragile.ports.operator) as line:
        url = f"https://127.0.0.1:{line.port}"
        gateway = await asyncio.to_thread(fragile.add_gateway, "analyst-behind", operatorUrl=url)
        name = await approved_session(gateway.mcp_url, approver)
        async with restless(gateway.mcp_url) as seen:
            await seen.until_allowed(10)
            line.cut()
            await asyncio.sleep(0.2)
            revoked = time.time()
            await approver.revoke(name)
            await seen.until_denied(2, "SessionRevoked")
            await asyncio.sleep(0.5)
        assert _last_call(record) < revoked + 1
        await asyncio.to_thread(gateway.program.stop)


async def test_an_operator_cut_from_the_api_server_renews_nothing(
    fragile: Environment, approver: Approver, record: Observer
) -> None:
    with Line(int(fragile.cluster.url.rsplit(":", 1)[1])) as line:
        kubeconfig = fragile.places.kubeconfig("operator-0")
        original = kubeconfig.read_text()
        kubeconfig.write_text(original.replace(fragile.cluster.url, f"https://127.0.0.1:{line.port}"))
        await asyncio.to_thread(_restart, fragile)
        try:
            name = await approved_session(fragile.mcp_url, approver)
            async with restless(fragile.mcp_url) as seen:
                await seen.until_allowed(10)
                line.cut()
                cut = time.time()
                await approver.revoke(name)
                await seen.until_denied(LEASE + PROOF + SLACK, *BLIND)
                await asyncio.sleep(1)
            assert _last_call(record) <= cut + LEASE + PROOF
        finally:
            kubeconfig.write_text(original)
            await asyncio.to_thread(_restart, fragile)
    await until_state(approver, name, "Revoked")


async def test_an_operator_that_is_stopped_and_goes_on_renews_nothing_from_its_old_view(
    fragile: Environment, approver: Approver, record: Observer
) -> None:
    name = await approved_session(fragile.mcp_url, approver)
    async with restless(fragile.mcp_url) as seen:
        await seen.until_allowed(10)
        fragile.operator.send(signal.SIGSTOP)
        stopped = time.time()
        await approver.revoke(name)
        try:
            await seen.until_denied(LEASE + PROOF + SLACK, *BLIND)
        finally:
            fragile.operator.send(signal.SIGCONT)
        last = seen.last_success
        await asyncio.to_thread(_revive, fragile)
        await until_state(approver, name, "Revoked", 60)
        await asyncio.sleep(1)
        assert seen.last_success == last, "calls went on after the operator did"
    assert _last_call(record) <= stopped + LEASE + PROOF


async def test_while_the_api_server_is_away_sessions_end_and_nothing_is_approved(
    fragile: Environment, approver: Approver, record: Observer
) -> None:
    await approved_session(fragile.mcp_url, approver)
    async with restless(fragile.mcp_url) as seen:
        await seen.until_allowed(10)
        fragile.cluster.pause_apiserver()
        away = time.time()
        try:
            await seen.until_denied(LEASE + PROOF + SLACK, *BLIND)
            await asyncio.sleep(1)
            assert _last_call(record) <= away + LEASE + PROOF
        finally:
            fragile.cluster.resume_apiserver()
        await asyncio.to_thread(_revive, fragile)
        await seen.until_allowed(30)


async def test_a_killed_operator_loses_nothing_and_grants_nothing(fragile: Environment, approver: Approver) -> None:
    names = await asyncio.to_thread(_requests, fragile, 200)
    asked, untouched = names[:180], names[180:]
    hashes = {name: (await until_state(approver, name, "AwaitingApproval", 60))["grantHash"] for name in names}
    gate = asyncio.Semaphore(16)
    approved = 0

    async def approve(name: str) -> None:
        nonlocal approved
        async with gate:
            await approver.approve(name, hashes[name])
            approved += 1
            if approved == 60:
                fragile.operator.kill()

    await asyncio.gather(*(approve(name) for name in asked))
    assert fragile.operator.pid is None
    await asyncio.to_thread(fragile.operator.start)
    for name in asked:
        status = await until_state(approver, name, "Active", 60)
        assert status["approvedBy"] == ALICE
        assert status["grantHash"] == hashes[name]
    for name in untouched:
        assert (await approver.get(name))["status"]["state"] == "AwaitingApproval"


def _revive(environment: Environment) -> None:
    """What the kubelet does: an operator that lost its leadership ends, and is started again."""
    deadline = time.monotonic() + 60
    while not environment.operator.is_ready():
        assert time.monotonic() < deadline, "the operator does not get ready again"
        if environment.operator.pid is None:
            environment.operator.start(wait=False)
        time.sleep(0.1)


def _restart(environment: Environment) -> None:
    environment.operator.kill()
    environment.operator.start()


def _requests(environment: Environment, count: int) -> list[str]:
    """Requests by Bob, each for a pod of its own."""
    names = []
    for index in range(count):
        pod = environment.cluster.create_pod(TEAM, f"busy-{index}", "analyst")
        name = f"busy-{index}"
        session = {
            "apiVersion": "pipesmcp.io/v1alpha1",
            "kind": "AgentSession",
            "metadata": {"name": name, "namespace": TEAM},
            "spec": {
                "agent": {"serviceAccountName": "analyst", "podUID": pod["metadata"]["uid"]},
                "bindings": [{"name": "salesforce", "access": "Read"}],
                "duration": "10m",
                "reason": f"one of {count}",
            },
        }
        path = f"/apis/pipesmcp.io/v1alpha1/namespaces/{TEAM}/agentsessions"
        status, body = environment.cluster.request("POST", path, session, user="bob@example.com")
        assert status == 201, body
        names.append(name)
    return names
