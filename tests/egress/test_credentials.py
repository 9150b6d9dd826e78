"""Credentials from Pipes: one vend at a time, never longer than they are good for, every failure told apart."""

import asyncio
from typing import Any

import pytest

from egress_support import ACCOUNTS, World, granted, told
from pipes_api.reasons import Reason
from pipes_api.resources import Connection
from pipes_egress.credentials.cache import UNSTATED_SECONDS, CredentialCache, Key
from pipes_egress.credentials.pipes import Vended

pytestmark = pytest.mark.asyncio(loop_scope="module")

VENDS = "/data-integrations/snowflake/credentials"


async def ask(world: World, **options: Any) -> Any:
    return await world.call("snowflake", "query", {"statement": "SELECT 1"}, **options)


async def test_a_hundred_calls_at_once_are_one_vend(world: World) -> None:
    results = await asyncio.gather(*(ask(world) for _ in range(100)))

    assert not any(result.is_error for result in results)
    assert len(await world.sandbox.calls(path=VENDS)) == 1


async def test_a_hundred_calls_whose_token_has_just_ended_are_one_vend_more(world: World) -> None:
    """I01: each of them is refused by the provider, and none asks Pipes anew for what another has asked already."""
    await ask(world)
    await world.sandbox.end_tokens(provider="snowflake")
    results = await asyncio.gather(*(ask(world) for _ in range(100)))

    assert not any(result.is_error for result in results)
    assert len(await world.sandbox.calls(path=VENDS)) == 2


async def test_the_credential_is_dropped_with_the_session(world: World) -> None:
    await ask(world)
    world.egress.drop("session-1")
    await ask(world)

    assert len(await world.sandbox.calls(path=VENDS)) == 2


async def test_another_session_keeps_a_shared_credential_alive(world: World) -> None:
    await ask(world)
    await ask(world, session="session-2")
    world.egress.drop("session-1")
    await ask(world, session="session-2")
    world.egress.drop("session-2")

    assert len(await world.sandbox.calls(path=VENDS)) == 1


async def test_a_token_that_the_provider_refuses_is_replaced_once(world: World) -> None:
    await ask(world)
    await world.sandbox.end_tokens(provider="snowflake")
    result = await ask(world)

    assert not result.is_error
    assert len(await world.sandbox.calls(path=VENDS)) == 2


async def test_a_second_refusal_is_final_and_not_our_own_401(world: World) -> None:
    await world.sandbox.fault(match={"service": "snowflake"}, status=401, body={"message": "token"})
    result = await ask(world)

    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert len(await world.sandbox.calls(service="snowflake")) == 2


async def test_the_credential_in_an_answer_of_the_provider_is_withheld(world: World) -> None:
    vended = await world.egress._cache.get(Key.of(granted("snowflake")), "session-1")
    await world.sandbox.fault(match={"service": "snowflake"}, status=422, body={"message": f"bad {vended.value}!"})
    result = await ask(world)

    assert "bad (withheld)!" in told(result)
    assert vended.value not in repr(vended)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def vended(expires_at: float | None) -> Vended:
    return Vended("value", "oauth", expires_at, (), (), {}, {})


KEY = Key("snowflake", Connection(user_id="user_alice"), ACCOUNTS["snowflake"])


async def test_calls_at_the_moment_of_expiry_share_one_vend_and_its_failure() -> None:
    clock, vends = Clock(), 0

    async def vend(*_: Any) -> Vended:
        nonlocal vends
        vends += 1
        await asyncio.sleep(0)
        if vends == 2:
            raise RuntimeError("needs_reauthorization")
        return vended(clock.now + 3_600)

    cache = CredentialCache(vend, clock, clock)
    first = await cache.get(KEY, "s")
    clock.now += 3_600
    refused = await asyncio.gather(*(cache.get(KEY, "s") for _ in range(100)), return_exceptions=True)
    assert vends == 2
    assert all(isinstance(each, RuntimeError) for each in refused)
    renewed = await asyncio.gather(*(cache.get(KEY, "s") for _ in range(100)))
    assert vends == 3, "one failure is not remembered, and costs one vend"
    assert len({id(each) for each in renewed}) == 1
    assert renewed[0] is not first


@pytest.mark.parametrize(("expires_in", "good_for"), [(3_600.0, 3_540.0), (30.0, 27.0), (None, UNSTATED_SECONDS)])
async def test_a_credential_is_never_used_to_its_very_end(expires_in: float | None, good_for: float) -> None:
    clock, count = Clock(), 0

    async def vend(*_: Any) -> Vended:
        nonlocal count
        count += 1
        return vended(None if expires_in is None else clock.now + expires_in)

    cache = CredentialCache(vend, clock, clock)
    await cache.get(KEY, "s")
    clock.now += good_for - 0.1
    await cache.get(KEY, "s")
    assert count == 1
    clock.now += 0.2
    await cache.get(KEY, "s")
    assert count == 2


async def test_a_session_that_ends_during_the_vend_leaves_nothing_behind() -> None:
    clock, release, count = Clock(), asyncio.Event(), 0

    async def vend(*_: Any) -> Vended:
        nonlocal count
        count += 1
        await release.wait()
        return vended(clock.now + 3_600)

    cache = CredentialCache(vend, clock, clock)
    task = asyncio.create_task(cache.get(KEY, "s"))
    await asyncio.sleep(0)
    cache.drop("s")
    release.set()
    await task
    await cache.get(KEY, "s")

    assert count == 2


async def test_one_caller_that_goes_away_does_not_take_the_vend_from_the_others() -> None:
    clock, release = Clock(), asyncio.Event()

    async def vend(*_: Any) -> Vended:
        await release.wait()
        return vended(None)

    cache = CredentialCache(vend, clock, clock)
    impatient, patient = asyncio.create_task(cache.get(KEY, "a")), asyncio.create_task(cache.get(KEY, "b"))
    await asyncio.sleep(0)
    impatient.cancel()
    release.set()

    assert (await patient).value == "value"
