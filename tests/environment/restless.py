"""Agents that never stop calling, and what they saw."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from .approver import Approver
from .wire import Wire, denial

TOOL = "salesforce_describe_object"
ARGUMENTS = {"object": "Account"}
HOST = "acme.my.salesforce.com"


@dataclass
class Restless:
    """Calls one tool all the time. Times are Unix seconds of this machine, on which everything runs."""

    successes: list[float] = field(default_factory=list)
    denials: list[tuple[float, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def last_success(self) -> float:
        return self.successes[-1] if self.successes else 0.0

    async def until_denied(self, seconds: float, *reasons: str) -> float:
        """When the first denial of one of these reasons was seen; TimeoutError when none comes in time.

        Reasons must be named: a call that was refused before its session became active may be answered late.
        """
        async with asyncio.timeout(seconds):
            while not (at := [when for when, reason in self.denials if reason in reasons]):
                await asyncio.sleep(0.005)
        return at[0]

    async def until_allowed(self, seconds: float) -> None:
        known = len(self.successes)
        async with asyncio.timeout(seconds):
            while len(self.successes) == known:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def restless(url: str, *, callers: int = 2) -> AsyncIterator[Restless]:
    """Callers at that gateway, for as long as the block lasts."""
    seen = Restless()
    async with aiohttp.ClientSession() as http:
        wire = Wire(http, url)
        tasks = [asyncio.create_task(_keep_calling(wire, seen)) for _ in range(callers)]
        try:
            yield seen
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_calling(wire: Wire, seen: Restless) -> None:
    while True:
        result = await wire.call(TOOL, **ARGUMENTS)
        reason = denial(result)
        if reason:
            seen.denials.append((time.time(), reason))
        elif result.get("isError"):
            seen.failures.append(result["content"][0]["text"])
        else:
            seen.successes.append(time.time())
        await asyncio.sleep(0.002)


async def approved_session(
    url: str, alice: Approver, *, duration: str = "10m", reason: str = "an end-to-end test"
) -> str:
    """Name of a session on Salesforce that was asked for at that gateway and approved by Alice."""
    async with aiohttp.ClientSession() as http:
        bindings = [{"name": "salesforce", "access": "Read"}]
        asked = await Wire(http, url).call("request_session", reason=reason, bindings=bindings, duration=duration)
    assert not asked.get("isError"), asked
    name: str = asked["structuredContent"]["session"]
    status = await until_state(alice, name, "AwaitingApproval")
    await alice.approve(name, status["grantHash"])
    return name


async def until_state(alice: Approver, name: str, state: str, seconds: float = 20) -> dict[str, Any]:
    """The status once it has that state."""
    async with asyncio.timeout(seconds):
        while (status := (await alice.get(name)).get("status", {})).get("state") != state:
            await asyncio.sleep(0.01)
    return dict(status)
