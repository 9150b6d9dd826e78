"""Approve → first successful call, and revoke → first denied call, beside what the API server takes for a write."""

import asyncio
import time

import aiohttp

from environment import Environment
from environment.approver import Approver
from environment.places import ALICE
from environment.restless import ARGUMENTS, TOOL
from environment.wire import Wire, denial

from .figures import Figure

CALLERS = 2


async def measure(environment: Environment, n: int) -> list[Figure]:
    """n sessions one after the other, each asked for, approved, used and revoked."""
    write, approve, first, revoke = [], [], [], []
    # A pod of its own: no other session may let its calls through.
    gateway = await asyncio.to_thread(environment.add_gateway, "analyst-lifecycle")
    async with aiohttp.ClientSession() as http, _alice(environment) as alice:
        agent = Wire(http, gateway.mcp_url)
        for index in range(n):
            name, grant_hash = await _ask(agent, alice, index)
            write.append(await _timed(alice.annotate(name, str(index))))
            sent = time.perf_counter()
            approving = asyncio.create_task(alice.approve(name, grant_hash))
            first.append(await _until(agent, sent, denied=False))
            await approving
            approve.append(first[-1] - write[-1])
            sent_at = time.perf_counter()
            revoking = asyncio.create_task(alice.revoke(name))
            revoke.append(await _until(agent, sent_at, denied=True))
            await revoking
            if (index + 1) % 50 == 0:
                print(f"  {index + 1} of {n} sessions", flush=True)
    return [
        Figure("API server: one PATCH that nobody acts on", write),
        Figure("approve (PATCH sent) → first successful call", first, "p99 ≤ 300"),
        Figure("revoke (PATCH sent) → first denied call", revoke, "p50 ≤ 15, p99 ≤ 60"),
    ]


def _alice(environment: Environment) -> Approver:
    return Approver(environment.cluster.url, environment.cluster.kubeconfig(ALICE))


async def _ask(agent: Wire, alice: Approver, index: int) -> tuple[str, str]:
    bindings = [{"name": "salesforce", "access": "Read"}]
    asked = await agent.call("request_session", reason=f"bench {index}", bindings=bindings, duration="10m")
    if asked.get("isError"):
        raise RuntimeError(f"request_session: {asked}")
    name = asked["structuredContent"]["session"]
    while True:
        status = (await alice.get(name)).get("status", {})
        if status.get("state") == "AwaitingApproval":
            return name, status["grantHash"]
        await asyncio.sleep(0.005)


async def _until(agent: Wire, sent: float, *, denied: bool) -> float:
    """Milliseconds from `sent` to the first answer of that kind, seen by callers who call all the time."""
    seen = asyncio.Event()
    at: list[float] = []

    async def keep_calling() -> None:
        while not seen.is_set():
            result = await agent.call(TOOL, **ARGUMENTS)
            reason = denial(result)
            if denied is bool(reason) and (denied or not result.get("isError")):
                at.append(time.perf_counter())
                seen.set()

    async with asyncio.timeout(30):
        await asyncio.gather(*(keep_calling() for _ in range(CALLERS)))
    return (min(at) - sent) * 1000


async def _timed(work: "asyncio.Future[None] | object") -> float:
    started = time.perf_counter()
    await work  # type: ignore[misc]
    return (time.perf_counter() - started) * 1000
