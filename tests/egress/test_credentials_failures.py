"""Every way in which Pipes can fail to give a credential: a stable reason, a remedy, nothing taken for success."""

import asyncio
from typing import Any

import msgspec
import pytest

from egress_support import ACCOUNTS, API_KEY, World, granted, told
from pipes_api.reasons import Reason
from pipes_api.resources import Connection

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = {"value": "x", "auth_method": "oauth"}
VENDS = "/data-integrations/snowflake/credentials"


async def ask(world: World, **options: Any) -> Any:
    return await world.call("snowflake", "query", {"statement": "SELECT 1"}, **options)


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


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ({"active": False}, "no reason given"),
        ({"active": False, "error": None}, "no reason given"),
        ({"active": False, "error": "a\u202eb\x00c" + "x" * 500}, "Pipes says: abcx"),
        ({"active": False, "error": "account_selection_required"}, "several accounts"),
        (
            {"active": False, "error": "not_installed", "credential": {"value": "x", "auth_method": "oauth"}},
            "connected",
        ),
        ({"active": True}, "without a credential"),
        ({"active": True, "credential": None}, "without a credential"),
        ({"active": True, "credential": {"value": "", "auth_method": "oauth"}}, "without a credential"),
        ({"active": True, "credential": {"auth_method": "oauth"}}, "cannot be read"),
        ({"active": True, "credential": {"value": "a b", "auth_method": "oauth"}}, "cannot be sent"),
        ({"active": True, "credential": {"value": "a\r\nX: y", "auth_method": "oauth"}}, "cannot be sent"),
        ({"active": True, "credential": {"value": "x", "auth_method": "kerberos"}}, "not supported"),
        (
            {"active": True, "credential": {"value": "x", "auth_method": "oauth", "expires_at": "soon"}},
            "cannot be read",
        ),
        ({"active": "true", "credential": GOOD}, "cannot be read"),
        ({"credential": GOOD}, "cannot be read"),
        ([], "cannot be read"),
        ("null", "cannot be read"),
    ],
    ids=lambda each: str(each)[:70],
)
async def test_an_answer_of_200_that_holds_no_credential_is_no_success(world: World, answer: Any, says: str) -> None:
    await world.sandbox.fault(match={"path": VENDS}, status=200, body=answer)
    result = await ask(world)

    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert says in result.denial.message
    assert result.denial.message.isprintable()
    assert len(result.denial.message) < 200
    assert await world.sandbox.calls(service="snowflake") == []


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, {"message": "user_id is malformed"}, "does not accept the request"),
        (403, {"code": "organization_membership_required", "message": "no"}, "left the organization"),
        (404, {"code": "entity_not_found", "message": "no"}, "no such provider"),
        (404, {"code": "multiple_connections_unavailable", "message": "no"}, "not enabled in WorkOS"),
        (409, {"code": "account_selection_required", "message": "no"}, "several accounts"),
        (409, {"message": "no"}, "status 409"),
        (422, {"code": "auth_method_mismatch", "message": "no"}, "not supported"),
        (422, {"code": "validation_error", "message": "no"}, "status 422"),
        (418, {"code": {"a": 1}}, "status 418"),
        (204, None, "status 204"),
        (503, "<html>gateway</html>", "out of order"),
    ],
    ids=str,
)
async def test_every_status_is_told_apart_and_the_body_is_not_repeated(
    world: World, status: int, body: Any, says: str
) -> None:
    await world.sandbox.fault(match={"path": VENDS}, status=status, body=body)
    denial = (await ask(world)).denial

    assert denial is not None
    assert denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert says in denial.message
    assert "gateway" not in denial.message
    assert "malformed" not in denial.message


@pytest.mark.parametrize("what", ["credentials", "connected_accounts"])
async def test_silence_ends_in_a_denial_and_not_in_a_hang(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    path = VENDS if what == "credentials" else "/user_management/users/*/connected_accounts/snowflake"
    await world.sandbox.fault(match={"path": path}, effect="hang")
    monkeypatch.setattr(world.egress._pipes, "_settings", msgspec.structs.replace(world.settings, vend_seconds=0.3))
    async with asyncio.timeout(5):
        denial = (await ask(world)).denial

    assert denial is not None
    assert denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert "does not answer in time" in denial.message
    assert "Try again" in denial.remedy


async def test_who_must_do_what_depends_on_what_is_wrong(world: World) -> None:
    remedies = {}
    for word in ("not_installed", "needs_reauthorization", "forbidden"):
        await world.sandbox.fault(match={"path": VENDS}, effect="vend_error", error=word, times=1)
        remedies[word] = (await ask(world)).denial.remedy
    assert "connect the account in Pipes" in remedies["not_installed"]
    assert "connect the account again" in remedies["needs_reauthorization"]
    assert all("the session stays" in remedies[word] for word in ("not_installed", "needs_reauthorization"))


async def test_a_person_who_puts_the_connection_right_needs_no_new_session(world: World) -> None:
    """I02"""
    await world.sandbox.change_account(ACCOUNTS["snowflake"], state="needs_reauthorization")
    assert (await ask(world)).is_error
    await world.sandbox.change_account(ACCOUNTS["snowflake"], state="connected")
    assert not (await ask(world)).is_error


async def test_a_connection_of_nobody_asks_nobody(world: World) -> None:
    result = await ask(world, granted=granted("snowflake", connection=Connection(user_id="", from_session=True)))
    assert result.denial is not None
    assert await world.sandbox.calls() == []
