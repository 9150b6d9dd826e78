"""Calls through Pipes' relay: the provider's answers come back, and the relay's own are told apart."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from egress_support import ACCOUNTS, API_KEY, World, data, definition, granted, told
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Connection, ConnectionOwner, CredentialMode
from pipes_egress.credentials import relay
from pipes_egress.mapping.build import Outgoing
from pipes_egress.transport.answers import Answer
from pipes_egress.transport.client import Transport

pytestmark = pytest.mark.asyncio(loop_scope="module")

RELAYED = "/relay/google-drive/*"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def as_the_seed_says(world: World) -> AsyncIterator[None]:
    yield
    await world.sandbox.reset()


def relayed(provider: str = "google-drive", **changes: Any) -> Any:
    return granted(provider, **{"credential": CredentialMode.RELAY, **changes})


async def search(world: World, **options: Any) -> Any:
    binding = options.pop("granted", None) or relayed()
    return await world.call("google-drive", "search", {"query": "plan"}, granted=binding, **options)


async def test_a_read_and_a_write_reach_the_provider_as_the_person(world: World) -> None:
    assert data(await search(world))
    result = await world.call("google-drive", "create_folder", {"name": "From the relay"}, granted=relayed())
    assert result.denial is None, told(result)

    direct = await world.sandbox.calls(service="google-drive")
    assert {each["token"]["connected_account_id"] for each in direct} == {ACCOUNTS["google-drive"]}
    assert {each["host"] for each in direct} == {""}, "sent by the relay, not by egress"
    assert await world.sandbox.calls(path="/data-integrations/google-drive/credentials") == []


async def test_the_key_and_the_person_go_to_the_relay_and_no_further(world: World) -> None:
    await search(world)
    (through,) = [each for each in await world.sandbox.calls(service="pipes") if each["path"].startswith("/relay/")]
    assert through["host"] == "api.workos.com"
    assert through["token"]["kind"] == "api_key"
    assert through["headers"]["X-Relay-User"] == "user_alice"
    assert "X-Relay-Organization" not in through["headers"], "only where the connection is an organization's"
    for call in await world.sandbox.calls(service="google-drive"):
        assert not [name for name in call["headers"] if name.lower().startswith("x-relay-")]
        assert call["token"]["kind"] == "provider_token"


@pytest.mark.parametrize(
    "name", ["x-relay-user", "X-Relay-User", "X-RELAY-ORGANIZATION", "x-relay-url", "authorization"]
)
async def test_no_definition_tells_the_relay_whose_connection_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The rules of catalogs refuse such a header; a definition from elsewhere gets no further either."""
    sent: list[list[tuple[str, str]]] = []
    send = Transport.send

    async def noted(transport: Transport, host: str, outgoing: Outgoing, limit: int | None = None) -> Answer:
        if outgoing.target.startswith("/relay/"):
            sent.append([(each.lower(), text) for each, text in outgoing.headers.items()])
        return await send(transport, host, outgoing, limit)

    monkeypatch.setattr(Transport, "send", noted)
    tool = definition("google-drive", "search")
    assert tool.exchange is not None
    exchange = msgspec.structs.replace(tool.exchange, headers={name: "user_bob"})
    await search(world, definition=msgspec.structs.replace(tool, exchange=exchange))
    (headers,) = sent
    whose = [each for each in headers if each[0].startswith("x-relay-") or each[0] == "authorization"]
    assert whose == [("authorization", f"Bearer {API_KEY}"), ("x-relay-user", "user_alice")]


async def test_a_tool_at_another_host_is_not_sent_where_the_relay_would_send_it(world: World) -> None:
    result = await world.call(
        "google-drive", "read_range", {"spreadsheetId": "sheet-pricing", "range": "A1"}, granted=relayed()
    )

    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert "sheets.googleapis.com" in result.denial.message
    assert [each for each in await world.sandbox.calls() if "/relay/" in each["path"]] == []


async def test_a_tenants_own_host_is_the_relays_to_find(world: World) -> None:
    """Salesforce's host is known from the credential, which is never here."""
    result = await world.call("salesforce", "list_objects", {}, granted=relayed("salesforce"))
    assert result.denial is None, told(result)
    rows = await world.call("snowflake", "query", {"statement": "SELECT 7 AS n"}, granted=relayed("snowflake"))
    assert '"rows":[[7]]' in told(rows)


async def test_a_providers_refusal_is_the_providers(world: World) -> None:
    result = await world.call("google-drive", "get_file", {"fileId": "no-such-file"}, granted=relayed())
    assert result.is_error
    assert result.denial is None
    assert "Google Drive" in told(result)
    assert result.sent


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (400, "relay_user_required", "was not told whose"),
        (400, "relay_user_not_found", "no such user"),
        (400, "relay_missing_url", "does not accept the address"),
        (400, "relay_invalid_url", "does not accept the address"),
        (400, "relay_provider_conflict", "another provider"),
        (401, None, "API key is not accepted"),
        (402, "relay_authorization_required", "not connected"),
        (402, None, "not connected"),
        (404, "relay_provider_not_found", "knows no such provider"),
        (404, "relay_provider_not_configured", "not set up"),
        (404, None, "not enabled"),
        (402, "relay_credential_invalid", "connected again"),
        (502, "relay_credential_invalid", "connected again"),
        (502, "relay_credential_error", "could not get the credential"),
        (429, None, "busy"),
        (500, None, "out of order"),
        (418, "relay_moon_in_eclipse", "status 418"),
    ],
)
async def test_the_relays_own_refusals_are_denials_and_cost_nothing(
    world: World, status: int, code: str | None, says: str
) -> None:
    body = {"message": "no", "authorization_url": "https://api.workos.com/canary", **({"code": code} if code else {})}
    await world.sandbox.fault(match={"path": RELAYED}, status=status, body=body)
    result = await search(world)

    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert says in result.denial.message
    assert result.denial.remedy
    assert not result.sent, "nothing reached the provider, so the call gives its place back"
    assert "canary" not in told(result), "who opens that URL decides whose account is connected: it is for a person"
    assert API_KEY not in told(result)


async def test_the_wait_that_the_relay_asks_for_is_passed_on(world: World) -> None:
    await world.sandbox.fault(match={"path": RELAYED}, status=429, headers={"Retry-After": "9"})
    denial = (await search(world)).denial
    assert denial is not None
    assert denial.retry_after_seconds == 9


@pytest.mark.parametrize("fault", [{"effect": "html"}, {"effect": "empty"}, {"status": 200, "body": {"files": []}}])
async def test_an_answer_without_the_relays_mark_is_never_the_providers(world: World, fault: dict[str, Any]) -> None:
    await world.sandbox.fault(match={"path": RELAYED}, **fault)
    result = await search(world)
    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE


async def test_a_mark_that_does_not_fit_the_answer_is_not_believed(world: World) -> None:
    headers = {"X-Relay-Upstream-Status": "200"}
    await world.sandbox.fault(match={"path": RELAYED}, status=500, headers=headers, body={"files": []})
    result = await search(world)
    assert result.is_error
    assert "cannot be understood" in told(result)


async def test_a_write_whose_fate_is_unknown_is_not_repeated_and_says_so(world: World) -> None:
    body = {"code": "relay_upstream_error", "message": "timed out"}
    await world.sandbox.fault(match={"path": RELAYED, "method": "POST"}, stage="after", status=502, body=body)
    result = await world.call("google-drive", "create_folder", {"name": "Once"}, granted=relayed())

    assert result.is_error
    assert result.denial is None
    assert result.sent
    assert "may do it twice" in told(result)
    assert len(await world.sandbox.calls(service="google-drive", method="POST")) == 1


async def test_a_read_without_an_answer_is_tried_again(world: World) -> None:
    body = {"code": "relay_upstream_error", "message": "timed out"}
    await world.sandbox.fault(match={"path": RELAYED}, status=502, body=body, times=1)
    assert not (await search(world)).is_error


async def test_a_body_beyond_what_the_relay_takes_is_refused_before_it_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LARGEST_BODY", 10)
    result = await world.call("google-drive", "create_folder", {"name": "x" * 50}, granted=relayed())
    assert result.is_error
    assert "10 bytes" in told(result)
    assert await world.sandbox.calls(service="google-drive") == []


async def test_a_silent_relay_ends_the_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "ANSWER_SECONDS", 0.2)
    await world.sandbox.fault(match={"path": RELAYED}, effect="hang")
    async with asyncio.timeout(10):
        result = await search(world)
    assert result.is_error
    assert "does not answer" in told(result)


# -- whose connection --------------------------------------------------------------------------


async def test_another_account_than_the_approved_one_is_refused_before_anything_is_sent(world: World) -> None:
    result = await search(world, granted=relayed(account="data_installation_drive_bob"))
    assert result.denial is not None
    assert "another account" in result.denial.message
    assert await world.sandbox.calls(path=RELAYED) == []
    assert await world.sandbox.calls(service="google-drive") == []


async def test_an_account_that_is_swapped_later_is_noticed_soon(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "FRESH_SECONDS", 0.0)
    assert not (await search(world)).is_error
    await world.sandbox.pipes("DELETE", "/user_management/users/user_alice/connected_accounts/google-drive")
    body = {"access_token": "ya29.other", "scopes": ["https://www.googleapis.com/auth/drive"]}
    await world.sandbox.pipes("POST", "/user_management/users/user_alice/connected_accounts/google-drive", json=body)
    result = await search(world)
    assert result.denial is not None
    assert "another account" in result.denial.message


@pytest.mark.parametrize(
    "connection",
    [
        Connection(user_id="user_bob", organization_id="org_acme", owner=ConnectionOwner.ORGANIZATION),
        Connection(user_id="user_alice", connected_account_id=ACCOUNTS["google-drive"]),
    ],
    ids=["an organization's", "one of several"],
)
async def test_what_the_relay_cannot_be_told_is_refused(world: World, connection: Connection) -> None:
    result = await search(world, granted=relayed(connection=connection))
    assert result.denial is not None
    assert "cannot be told" in result.denial.message
    assert await world.sandbox.calls() == []


async def test_a_connection_that_needs_reauthorization_is_refused(world: World) -> None:
    await world.sandbox.change_account(ACCOUNTS["google-drive"], state="needs_reauthorization")
    denial = (await search(world)).denial
    assert denial is not None
    assert "connected again" in denial.message


async def test_scopes_are_compared_before_anything_is_sent(world: World) -> None:
    bob = relayed(connection=Connection(user_id="user_bob"), account="data_installation_drive_bob")
    result = await world.call("google-drive", "create_folder", {"name": "x"}, granted=bob)
    assert result.denial is not None
    assert result.denial.reason is Reason.SCOPE_MISSING
    assert "https://www.googleapis.com/auth/drive" in result.denial.message
    assert await world.sandbox.calls(service="google-drive") == []


async def test_the_policy_is_asked_before_every_send_here_too(world: World) -> None:
    world.policy.write = False
    result = await world.call("google-drive", "create_folder", {"name": "x"}, granted=relayed())
    assert result.denial is not None
    assert result.denial.reason is Reason.WRITE_NOT_ALLOWED
    assert await world.sandbox.calls() == []
    await search(world)
    assert world.policy.asked[-1] == (Access.READ, True)
