"""Credentials from Pipes: one vend at a time, never longer than they are good for, every failure told apart."""

import asyncio
from typing import Any

import pytest

from egress_support import ACCOUNTS, API_KEY, World, granted, told
from pipes_api.reasons import Reason
from pipes_api.resources import Connection, ConnectionOwner
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


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"effect": "vend_error", "error": "not_installed"}, "not connected"),
        ({"effect": "vend_error", "error": "needs_reauthorization"}, "connected again"),
        ({"effect": "vend_error", "error": "moon_in_eclipse"}, "moon_in_eclipse"),
        ({"effect": "vend_error", "error": "account_selection_required"}, "several accounts"),
        ({"effect": "vend_error", "error": "auth_method_mismatch"}, "not supported"),
        ({"effect": "vend_error", "error": "forbidden"}, "does not allow"),
        ({"status": 401, "body": {"message": "no"}}, "API key"),
        ({"status": 404, "body": {"message": "no"}}, "no such provider"),
        ({"status": 429, "headers": {"Retry-After": "7"}}, "busy"),
        ({"status": 500}, "out of order"),
        ({"effect": "html"}, "cannot be read"),
        ({"effect": "empty"}, "cannot be read"),
        ({"effect": "truncated_json"}, "cannot be read"),
        ({"effect": "huge", "megabytes": 2}, "cannot be understood"),
        ({"effect": "gzip_bomb", "megabytes": 50}, "cannot be understood"),
        ({"effect": "endless"}, "cannot be understood"),
        ({"effect": "reset"}, "does not answer"),
        ({"status": 302, "headers": {"Location": "https://evil.example/"}}, "status 302"),
    ],
)
async def test_trouble_with_pipes_is_told_apart_and_never_taken_for_success(
    world: World, fault: dict[str, Any], says: str
) -> None:
    await world.sandbox.fault(match={"path": VENDS}, **fault)
    result = await ask(world)

    assert result.is_error
    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert says in result.denial.message
    assert result.denial.remedy
    assert API_KEY not in told(result)
    assert await world.sandbox.calls(service="snowflake") == []

    await world.sandbox.clear()
    assert not (await ask(world)).is_error


async def test_the_wait_that_pipes_asks_for_is_passed_on(world: World) -> None:
    await world.sandbox.fault(match={"path": VENDS}, status=429, headers={"Retry-After": "7"})
    result = await ask(world)

    assert result.denial is not None
    assert result.denial.retry_after_seconds == 7


async def test_a_single_no_of_pipes_is_not_remembered(world: World) -> None:
    await world.sandbox.fault(match={"path": VENDS}, effect="vend_error", error="needs_reauthorization", times=1)

    assert (await ask(world)).is_error
    assert not (await ask(world)).is_error


async def test_a_token_in_a_malformed_answer_is_not_shown(world: World) -> None:
    body = {"active": True, "credential": {"value": ["ver:secret-canary"], "auth_method": 5}}
    await world.sandbox.fault(match={"path": VENDS}, status=200, body=body)

    assert "canary" not in told(await ask(world))


async def test_another_account_than_the_approved_one_is_refused(world: World) -> None:
    result = await ask(world, granted=granted("snowflake", account="data_installation_of_somebody_else"))

    assert result.denial is not None
    assert "another account" in result.denial.message
    assert await world.sandbox.calls(service="snowflake") == []


async def test_a_connection_of_an_organization_is_vended_as_that(world: World) -> None:
    connection = Connection(user_id="user_bob", organization_id="org_acme", owner=ConnectionOwner.ORGANIZATION)
    result = await ask(world, granted=granted("snowflake", connection=connection, account=""))

    assert not result.is_error
    (call,) = await world.sandbox.calls(service="snowflake", method="POST")
    assert call["token"]["connected_account_id"] == "data_installation_snowflake_acme"


async def test_a_missing_scope_is_told_before_anything_is_sent(world: World) -> None:
    bob = granted("google-drive", connection=Connection(user_id="user_bob"), account="data_installation_drive_bob")
    result = await world.call("google-drive", "create_folder", {"name": "x"}, granted=bob)

    assert result.denial is not None
    assert result.denial.reason is Reason.SCOPE_MISSING
    assert "https://www.googleapis.com/auth/drive" in result.denial.message
    assert await world.sandbox.calls(service="google-drive") == []


async def test_scopes_that_change_after_approval_are_seen_at_the_provider(world: World) -> None:
    body = {"error": {"code": 403, "message": "no scope", "errors": [{"reason": "insufficientPermissions"}]}}
    await world.sandbox.fault(match={"host": "www.googleapis.com"}, status=403, body=body)
    result = await world.call("google-drive", "search", {"query": "plan"})

    # The provider's own refusal, and no denial of ours.
    assert result.is_error
    assert result.denial is None
    assert "lacks a scope" in told(result)
    assert "drive.readonly" in told(result)
    assert "connect the account again" in told(result)


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
