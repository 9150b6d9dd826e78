"""Waiting for what comes soon, without guessing how soon."""

import asyncio
from collections.abc import Callable

from pipes_gateway.app import Gateway


async def until(holds: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.002)


async def until_decided(gateway: Gateway, tool: str, reason: str | None) -> None:
    """Until a call of the tool would end so; None means that it would pass."""

    def holds() -> bool:
        denial = gateway.facts.decide(tool)[1]
        return (denial.reason if denial else None) == reason

    await until(holds)
