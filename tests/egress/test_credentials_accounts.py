"""Which account a credential is of, in which way it authenticates, and which scopes it has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio

from egress_support import ACCOUNTS, World, definition, granted, told
from pipes_api.reasons import Reason
from pipes_api.resources import Connection, ConnectionOwner
from pipes_egress.credentials.pipes import Vended
from pipes_egress.credentials.usable import lacking_scopes
from pipes_egress.mapping.build import Outgoing
from pipes_egress.transport.answers import Answer
from pipes_egress.transport.client import Transport

pytestmark = pytest.mark.asyncio(loop_scope="module")

VENDS = "/data-integrations/snowflake/credentials"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def as_the_seed_says(world: World) -> AsyncIterator[None]:
    yield
    await world.sandbox.reset()


async def ask(world: World, **options: Any) -> Any:
    return await world.call("snowflake", "query", {"statement": "SELECT 1"}, **options)


async def test_another_account_than_the_approved_one_is_refused(world: World) -> None:
    result = await ask(world, granted=granted("snowflake", account="data_installation_of_somebody_else"))

    assert result.denial is not None
    assert "another account" in result.denial.message
    assert await world.sandbox.calls(service="snowflake") == []


async def test_an_account_that_is_exchanged_while_its_credential_is_vended_is_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the account that is answered before the credential is vended tells nothing about the credential."""
    looked = asyncio.Event()
    send = Transport.send
    account = "/user_management/users/user_alice/connected_accounts/snowflake"

    async def slowly(transport: Transport, host: str, outgoing: Outgoing, limit: int | None = None) -> Answer:
        if outgoing.target == VENDS:
            # As late as can be: after the look, if one is under way.
            with suppress(TimeoutError):
                await asyncio.wait_for(looked.wait(), 0.2)
            await world.sandbox.pipes("DELETE", account)
            await world.sandbox.pipes("POST", account, json={"access_token": "another-account", "scopes": []})
        answer = await send(transport, host, outgoing, limit)
        if outgoing.target == account:
            looked.set()
        return answer

    monkeypatch.setattr(Transport, "send", slowly)
    result = await ask(world)

    assert result.denial is not None
    assert "another account" in result.denial.message
    assert await world.sandbox.calls(service="snowflake") == []


async def test_a_connection_of_an_organization_is_vended_as_that(world: World) -> None:
    connection = Connection(user_id="user_bob", organization_id="org_acme", owner=ConnectionOwner.ORGANIZATION)
    result = await ask(
        world, granted=granted("snowflake", connection=connection, account="data_installation_snowflake_acme")
    )

    assert not result.is_error
    (call,) = await world.sandbox.calls(service="snowflake", method="POST")
    assert call["token"]["connected_account_id"] == "data_installation_snowflake_acme"


async def test_a_grant_that_names_no_account_gets_no_credential(world: World) -> None:
    result = await ask(world, granted=granted("snowflake", account=""))

    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert await world.sandbox.calls(service="pipes") == []


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


# -- several accounts -----------------------------------------------------------------------


async def second_drive(world: World) -> str:
    """Another Google account of Alice's; the id of its connection."""
    body = {
        "access_token": "ya29.second-account",
        "scopes": ["https://www.googleapis.com/auth/drive"],
        "account_identifier": "alice.second@acme.example",
        "connection_intent": "add",
    }
    url = "/user_management/users/user_alice/connected_accounts/google-drive"
    made = await world.sandbox.pipes("POST", url, json=body)
    return str(made["id"])


async def search(world: World, connection: Connection, account: str) -> Any:
    binding = granted("google-drive", connection=connection, account=account)
    return await world.call("google-drive", "search", {"query": "review"}, granted=binding)


async def accounts_used(world: World) -> list[str]:
    return [each["token"]["connected_account_id"] for each in await world.sandbox.calls(service="google-drive")]


async def test_of_several_accounts_the_named_one_is_used(world: World) -> None:
    second = await second_drive(world)
    for account in (second, ACCOUNTS["google-drive"]):
        connection = Connection(user_id="user_alice", connected_account_id=account)
        result = await search(world, connection, account)
        assert result.denial is None, told(result)
    assert await accounts_used(world) == [second, ACCOUNTS["google-drive"]]


async def test_one_account_is_never_taken_for_another(world: World) -> None:
    second = await second_drive(world)
    named_other = await search(
        world, Connection(user_id="user_alice", connected_account_id=second), ACCOUNTS["google-drive"]
    )
    of_bob = await search(
        world,
        Connection(user_id="user_alice", connected_account_id="data_installation_drive_bob"),
        "data_installation_drive_bob",
    )
    gone = await search(
        world, Connection(user_id="user_alice", connected_account_id="data_installation_gone"), "data_installation_gone"
    )
    assert [each.denial.reason for each in (named_other, of_bob, gone)] == [Reason.CONNECTION_UNAVAILABLE] * 3
    assert await accounts_used(world) == []


async def test_without_a_name_the_first_account_is_meant_however_many_there_are(world: World) -> None:
    """Pipes' compatibility connection: a binding made before there were several goes on with its own."""
    await second_drive(world)
    result = await search(world, Connection(user_id="user_alice"), ACCOUNTS["google-drive"])
    assert result.denial is None
    assert await accounts_used(world) == [ACCOUNTS["google-drive"]]


# -- organizations ---------------------------------------------------------------------------

SHARED = "data_installation_snowflake_acme"


def of_acme(user: str) -> Any:
    connection = Connection(user_id=user, organization_id="org_acme", owner=ConnectionOwner.ORGANIZATION)
    return granted("snowflake", connection=connection, account=SHARED)


async def test_an_organizations_connection_is_checked_as_the_organizations(world: World) -> None:
    result = await ask(world, granted=of_acme("user_bob"))
    assert result.denial is None, told(result)
    looked_at = await world.sandbox.calls(path="/organizations/org_acme/connected_accounts/snowflake")
    assert len(looked_at) == 1


async def test_who_does_not_belong_to_the_organization_gets_nothing(world: World) -> None:
    result = await ask(world, granted=of_acme("user_carol"))
    assert result.denial is not None
    assert "left the organization" in result.denial.message
    assert await world.sandbox.calls(service="snowflake") == []


async def test_a_persons_own_connection_is_not_that_in_an_organization(world: World) -> None:
    connection = Connection(user_id="user_alice", organization_id="org_acme")
    result = await ask(world, granted=granted("snowflake", connection=connection))
    assert result.denial is not None
    assert await world.sandbox.calls(service="snowflake") == []


# -- API keys and client credentials -----------------------------------------------------------


async def offer(world: World, slug: str, method: str, **more: Any) -> None:
    """The environment's integration with that provider, made anew for another way of connecting."""
    await world.sandbox.pipes("DELETE", f"/data-integrations/{slug}")
    body = {"provider": slug, "auth_methods": [method], "enabled": True, **more}
    await world.sandbox.pipes("POST", "/data-integrations", json=body)


async def test_an_api_key_works_without_an_end_and_without_scopes(world: World) -> None:
    await offer(world, "google-drive", "api_key", scopes=["https://www.googleapis.com/auth/drive"])
    made = await world.sandbox.pipes(
        "PUT", "/data-integrations/google-drive/api-key", json={"user_id": "user_carol", "secret": "key-canary"}
    )
    result = await search(world, Connection(user_id="user_carol"), made["id"])
    assert result.denial is None, told(result)
    assert "key-canary" not in told(result)
    assert await accounts_used(world) == [made["id"]]


async def test_a_rotated_api_key_is_taken_up_when_the_old_one_is_refused(world: World) -> None:
    await offer(world, "google-drive", "api_key", scopes=["https://www.googleapis.com/auth/drive"])
    url = "/data-integrations/google-drive/api-key"
    made = await world.sandbox.pipes("PUT", url, json={"user_id": "user_carol", "secret": "key-1"})
    await search(world, Connection(user_id="user_carol"), made["id"])
    await world.sandbox.pipes("PUT", url, json={"user_id": "user_carol", "secret": "key-2"})
    await world.sandbox.end_tokens(provider="google-drive", revoke=True)
    assert (await search(world, Connection(user_id="user_carol"), made["id"])).denial is None


async def test_client_credentials_bring_their_tenants_host(world: World) -> None:
    await offer(world, "salesforce", "client_credentials", scopes=["api"])
    body = {"user_id": "user_carol", "client_id": "id", "client_secret": "secret-canary"}
    made = await world.sandbox.pipes("PUT", "/data-integrations/salesforce/client-credentials", json=body)
    await world.sandbox.change_account(made["id"], metadata={"instance_url": "https://acme.my.salesforce.com"})
    binding = granted("salesforce", connection=Connection(user_id="user_carol"), account=made["id"])
    result = await world.call("salesforce", "list_objects", {}, granted=binding)
    assert result.denial is None, told(result)
    (call,) = await world.sandbox.calls(service="salesforce")
    assert call["host"] == "acme.my.salesforce.com"
    assert call["token"]["connected_account_id"] == made["id"]


async def test_the_way_of_connecting_decides_how_a_credential_is_shown(world: World) -> None:
    """Snowflake tells programmatic access tokens from OAuth by a header; the sandbox takes none, and says so."""
    await offer(world, "snowflake", "api_key", config={"account": "acme-eu1"})
    made = await world.sandbox.pipes(
        "PUT", "/data-integrations/snowflake/api-key", json={"user_id": "user_carol", "secret": "pat-canary"}
    )
    result = await ask(
        world, granted=granted("snowflake", connection=Connection(user_id="user_carol"), account=made["id"])
    )
    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert "pat-canary" not in told(result)
    shown = [
        each["headers"]["X-Snowflake-Authorization-Token-Type"]
        for each in await world.sandbox.calls(service="snowflake")
    ]
    assert shown == ["PROGRAMMATIC_ACCESS_TOKEN"] * 2


# -- scopes ------------------------------------------------------------------------------------

DRIVE, FILE, READONLY = (
    f"https://www.googleapis.com/auth/{each}" for each in ("drive", "drive.file", "drive.readonly")
)


def vended(scopes: tuple[str, ...] = (), missing: tuple[str, ...] = ()) -> Vended:
    return Vended("value", "oauth", None, scopes, missing, {}, {})


@pytest.mark.parametrize(
    ("credential", "lacking"),
    [
        (vended((DRIVE,)), ()),
        (vended((READONLY,)), (FILE,)),
        (vended(("something.else",)), (FILE,)),
        (vended(), ()),
        (vended(missing=(READONLY,)), ()),
        (vended(missing=(FILE, DRIVE)), (FILE,)),
    ],
    ids=str,
)
async def test_scopes_that_are_unknown_are_held_against_those_that_are_missing(
    credential: Vended, lacking: tuple[str, ...]
) -> None:
    assert lacking_scopes(definition("google-drive", "create_folder"), credential) == lacking


async def test_scopes_lost_after_the_approval_are_told_before_anything_is_sent(world: World) -> None:
    """I04"""
    await world.sandbox.change_account(ACCOUNTS["google-drive"], scopes=[READONLY])
    result = await world.call("google-drive", "create_folder", {"name": "x"})
    assert result.denial is not None
    assert result.denial.reason is Reason.SCOPE_MISSING
    assert DRIVE in result.denial.message
    assert (await search(world, Connection(user_id="user_alice"), ACCOUNTS["google-drive"])).denial is None
