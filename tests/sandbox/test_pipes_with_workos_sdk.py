"""The official SDK understands every Pipes answer of the sandbox."""

from __future__ import annotations

import base64
import hashlib
import urllib.parse
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from workos import WorkOSClient
from workos._errors import (
    AuthenticationError,
    AuthorizationError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    UnprocessableEntityError,
)
from workos.pipes.models import ApiKeyInstallation, DataIntegrationCredentialsInput

from pipes_sandbox.provider import all_providers


def test_an_access_token_is_vended_with_scopes_and_expiry(workos: WorkOSClient) -> None:
    answer = workos.pipes.get_access_token("snowflake", user_id="user_alice")
    assert answer.active is True
    assert answer.access_token is not None
    token = answer.access_token
    assert token.scopes == ["refresh_token", "session:role:ANALYST"]
    assert token.missing_scopes == []
    assert token.expires_at is not None
    assert timedelta(minutes=59) < token.expires_at - datetime.now(UTC) < timedelta(minutes=61)


def test_the_same_token_is_vended_until_it_ends(workos: WorkOSClient, sandbox: Any) -> None:
    def vend() -> str:
        answer = workos.pipes.get_access_token("snowflake", user_id="user_alice")
        assert answer.access_token is not None
        return answer.access_token.access_token

    first = vend()
    assert vend() == first
    assert sandbox.admin("POST", "/tokens/end", {"provider": "snowflake"}) == {"ended": 1}
    assert vend() != first


def test_credentials_carry_what_addresses_the_tenant(workos: WorkOSClient) -> None:
    snowflake = workos.pipes.create_data_integration_credential("snowflake", user_id="user_alice").credential
    assert snowflake is not None
    assert (snowflake.auth_method, snowflake.config) == ("oauth", {"account": "acme-eu1"})
    salesforce = workos.pipes.create_data_integration_credential("salesforce", user_id="user_alice").credential
    assert salesforce is not None
    assert salesforce.metadata == {"instance_url": "https://acme.my.salesforce.com"}


@pytest.mark.parametrize(
    ("slug", "user", "word"),
    [("asana", "user_alice", "not_installed"), ("salesforce", "user_bob", "needs_reauthorization")],
)
def test_a_connection_that_cannot_give_says_why_within_200(
    workos: WorkOSClient, sandbox: Any, slug: str, user: str, word: str
) -> None:
    assert workos.pipes.get_access_token(slug, user_id=user).error == word
    answer = sandbox.pipes("POST", f"/data-integrations/{slug}/credentials", {"user_id": user})
    assert (answer.status, answer.json()) == (200, {"active": False, "error": word})


def test_an_unknown_provider_is_404_and_a_bad_key_401(workos: WorkOSClient, sandbox: Any) -> None:
    with pytest.raises(NotFoundError, match="Data integration not found"):
        workos.pipes.get_access_token("nowhere", user_id="user_alice")
    stranger = WorkOSClient(api_key="sk_wrong", client_id="c", base_url=sandbox.url, max_retries=0)
    with pytest.raises(AuthenticationError):
        stranger.pipes.get_access_token("snowflake", user_id="user_alice")


def test_an_organization_connection_is_for_members_only(workos: WorkOSClient) -> None:
    answer = workos.pipes.create_data_integration_credential(
        "snowflake", user_id="user_alice", organization_id="org_acme", connection_owner="organization"
    )
    assert answer.credential is not None
    assert "session:role:REPORTER" in answer.credential.scopes
    with pytest.raises(AuthorizationError):
        workos.pipes.get_access_token(
            "snowflake", user_id="user_carol", organization_id="org_acme", connection_owner="organization"
        )
    with pytest.raises(UnprocessableEntityError):
        workos.pipes.get_access_token("snowflake", user_id="user_alice", connection_owner="organization")


def test_a_connection_of_another_scope_is_another_connection(workos: WorkOSClient) -> None:
    assert workos.pipes.get_access_token("snowflake", user_id="user_alice", organization_id="org_acme").error == (
        "not_installed"
    )


def test_providers_of_a_user_show_connections(workos: WorkOSClient) -> None:
    rows = {row.slug: row for row in workos.pipes.list_user_data_providers("user_alice").data}
    assert set(rows) == {"asana", *(each.slug for each in all_providers())}
    account = rows["google-drive"].connected_account
    assert account is not None
    assert (account.state, account.account_display_name) == ("connected", "alice@acme.example")
    assert rows["asana"].connected_account is None
    assert rows["snowflake"].connection_owner == "user"
    with pytest.raises(NotFoundError):
        workos.pipes.list_user_data_providers("user_nobody")


def test_providers_of_an_organization_show_shared_connections(workos: WorkOSClient) -> None:
    (row,) = workos.pipes.list_organization_data_providers("org_acme").data
    assert row.connection_owner == "organization"
    assert row.connected_account is not None
    assert row.connected_account.user_id is None
    assert row.connected_account.organization_id == "org_acme"
    account = workos.pipes.get_organization_connected_account("org_acme", "snowflake")
    assert account.id == row.connected_account.id


def test_missing_scopes_are_told_when_vending(workos: WorkOSClient, sandbox: Any) -> None:
    account = workos.pipes.get_user_connected_account("user_alice", "google-drive")
    readonly = "https://www.googleapis.com/auth/drive.readonly"
    sandbox.admin("PATCH", f"/accounts/{account.id}", {"scopes": [readonly]})
    token = workos.pipes.get_access_token("google-drive", user_id="user_alice").access_token
    assert token is not None
    assert token.scopes == [readonly]
    assert token.missing_scopes == ["https://www.googleapis.com/auth/drive"]


def test_a_connected_account_is_imported_changed_and_removed(workos: WorkOSClient) -> None:
    created = workos.pipes.create_user_connected_account(
        "user_alice", "asana", access_token="gho_imported", scopes=["repo"], account_display_name="alice on Asana"
    )
    assert (created.state, created.scopes, created.connection_role) == ("connected", ["repo"], "compatibility")
    vended = workos.pipes.get_access_token("asana", user_id="user_alice").access_token
    assert vended is not None
    assert (vended.access_token, vended.expires_at) == ("gho_imported", None)
    with pytest.raises(ConflictError):
        workos.pipes.create_user_connected_account("user_alice", "asana", access_token="again")
    updated = workos.pipes.update_user_connected_account("user_alice", "asana", state="needs_reauthorization")
    assert updated.state == "needs_reauthorization"
    assert workos.pipes.get_access_token("asana", user_id="user_alice").error == "needs_reauthorization"
    workos.pipes.delete_user_connected_account("user_alice", "asana")
    with pytest.raises(NotFoundError):
        workos.pipes.get_user_connected_account("user_alice", "asana")
    with pytest.raises(UnprocessableEntityError):
        workos.pipes.create_user_connected_account("user_alice", "asana")


def test_an_organization_account_is_written_on_behalf_of_a_member(workos: WorkOSClient) -> None:
    workos.pipes.delete_organization_connected_account("org_acme", "snowflake")
    with pytest.raises(AuthorizationError):
        workos.pipes.create_organization_connected_account(
            "org_acme", "snowflake", user_id="user_carol", access_token="x"
        )
    made = workos.pipes.create_organization_connected_account(
        "org_acme", "snowflake", user_id="user_alice", access_token="x", refresh_token="y"
    )
    assert (made.user_id, made.organization_id) == (None, "org_acme")
    changed = workos.pipes.update_organization_connected_account(
        "org_acme", "snowflake", user_id="user_alice", account_display_name="Shared"
    )
    assert changed.account_display_name == "Shared"


def test_removing_a_connection_leaves_its_vended_token_good_at_the_provider(workos: WorkOSClient, sandbox: Any) -> None:
    token = sandbox.token("snowflake")
    workos.pipes.delete_user_connected_account("user_alice", "snowflake")
    assert workos.pipes.get_access_token("snowflake", user_id="user_alice").error == "not_installed"
    assert sandbox.sql("SELECT 1", token=token).status == 200


def test_several_connections_must_be_told_apart(workos: WorkOSClient) -> None:
    second = workos.pipes.create_user_connected_account(
        "user_alice", "google-drive", refresh_token="r", connection_intent="add", account_display_name="second"
    )
    assert second.connection_role == "standard"
    with pytest.raises(ConflictError) as refusal:
        workos.pipes.get_access_token("google-drive", user_id="user_alice", supports_multiple_connections=True)
    assert refusal.value.code == "account_selection_required"
    named = workos.pipes.get_access_token("google-drive", user_id="user_alice", connected_account_id=second.id)
    first = workos.pipes.get_access_token("google-drive", user_id="user_alice")
    assert named.access_token is not None
    assert first.access_token is not None
    assert named.access_token.access_token != first.access_token.access_token
    rows = workos.pipes.list_user_data_providers("user_alice", supports_multiple_connections=True).data
    assert [len(row.connected_accounts) for row in rows if row.slug == "google-drive"] == [2]
    rows = workos.pipes.list_user_data_providers("user_alice").data
    assert [len(row.connected_accounts) for row in rows if row.slug == "google-drive"] == [1]
    with pytest.raises(NotFoundError):
        workos.pipes.get_access_token("google-drive", user_id="user_bob", connected_account_id=second.id)


def test_api_keys_are_vended_by_credentials_only(workos: WorkOSClient, sandbox: Any) -> None:
    made = workos.pipes.create_data_integration(
        provider="zendesk",
        auth_methods=["api_key"],
        enabled=True,
        config={"subdomain": "acme"},
        api_key=ApiKeyInstallation(secret="zd-secret-1234", user_id="user_alice"),
    )
    assert made.installation is not None
    assert made.installation.api_key_last_4 == "1234"
    answer = workos.pipes.create_data_integration_credential("zendesk", user_id="user_alice").credential
    assert answer is not None
    assert (answer.auth_method, answer.value, answer.config) == (
        "api_key",
        "zd-secret-1234",
        {"subdomain": "acme"},
    )
    with pytest.raises(UnprocessableEntityError) as refusal:
        workos.pipes.get_access_token("zendesk", user_id="user_alice")
    assert refusal.value.code == "auth_method_mismatch"
    rotated = workos.pipes.update_data_integration_api_key("zendesk", user_id="user_alice", secret="zd-secret-9999")
    assert rotated.api_key_last_4 == "9999"
    assert "zd-secret" not in str(sandbox.calls(since=0))


def test_client_credentials_are_minted_into_tokens(workos: WorkOSClient) -> None:
    workos.pipes.create_data_integration(
        provider="erp",
        auth_methods=["client_credentials"],
        scopes=["api"],
        custom_provider=_custom("ERP"),
    )
    account = workos.pipes.update_data_integration_client_credentials(
        "erp", user_id="user_alice", client_id="id-1", client_secret="secret-5678"
    )
    assert (account.auth_method, account.client_id, account.client_secret_last_4) == (
        "client_credentials",
        "id-1",
        "5678",
    )
    answer = workos.pipes.create_data_integration_credential("erp", user_id="user_alice").credential
    assert answer is not None
    assert answer.auth_method == "client_credentials"
    assert answer.scopes == ["api"]


def test_integrations_are_listed_in_pages_created_changed_and_deleted(workos: WorkOSClient) -> None:
    everything = list(workos.pipes.list_data_integrations(limit=2).auto_paging_iter())
    # Snowflake is there twice: for people, and for organizations.
    assert Counter(each.slug for each in everything) == Counter(
        ["asana", "snowflake", *(each.slug for each in all_providers())]
    )
    shared = workos.pipes.list_data_integrations(ownership="organization").data
    assert [row.slug for row in shared] == ["snowflake"]
    made = workos.pipes.create_data_integration(
        provider="zendesk",
        description="issues",
        credentials=DataIntegrationCredentialsInput(type="custom", client_id="c", client_secret="hidden-abcd"),
    )
    assert made.enabled is False
    assert made.credentials is not None
    assert made.credentials.redacted_client_secret == "abcd"
    with pytest.raises(ConflictError):
        workos.pipes.create_data_integration(
            provider="zendesk", credentials=DataIntegrationCredentialsInput(type="custom", client_id="c")
        )
    assert workos.pipes.update_data_integration("zendesk", enabled=True).enabled is True
    assert workos.pipes.get_data_integration("zendesk").description == "issues"
    workos.pipes.delete_data_integration("zendesk")
    with pytest.raises(NotFoundError):
        workos.pipes.get_data_integration("zendesk")
    assert workos.pipes.list_data_integration_organization("snowflake").ownership == "organization"


def test_a_person_connects_over_the_authorize_url(workos: WorkOSClient, sandbox: Any) -> None:
    url = workos.pipes.authorize_data_integration(
        "asana", user_id="user_alice", return_to="https://app.example/done?x=1"
    ).url
    answer = sandbox.request("GET", url.removeprefix(sandbox.url))
    assert answer.status == 302
    assert answer.headers["Location"].startswith("https://app.example/done?x=1&state=")
    assert workos.pipes.get_access_token("asana", user_id="user_alice").active is True
    assert sandbox.request("GET", url.removeprefix(sandbox.url)).status == 404


def test_a_bound_authorization_needs_the_verifier_to_finish(workos: WorkOSClient, sandbox: Any) -> None:
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

    def connect_code() -> str:
        started = workos.pipes.authorize_data_integration(
            "asana", user_id="user_alice", return_to="https://app.example/done", code_challenge=challenge
        )
        assert started.completion == "finish_required"
        location = sandbox.request("GET", started.url.removeprefix(sandbox.url)).headers["Location"]
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query)
        assert query["state"] == [started.state]
        return query["connect_code"][0]

    code = connect_code()
    with pytest.raises(BadRequestError):
        workos.pipes.finish_connection(connect_code=code, code_verifier="w" * 50)
    with pytest.raises(BadRequestError):
        workos.pipes.finish_connection(connect_code=code, code_verifier=verifier)
    assert workos.pipes.get_access_token("asana", user_id="user_alice").error == "not_installed"
    finished = workos.pipes.finish_connection(connect_code=connect_code(), code_verifier=verifier)
    assert finished.connected_account.state == "connected"


def test_an_idempotency_key_makes_one_account_of_two_calls(workos: WorkOSClient) -> None:
    def create(name: str) -> Any:
        return workos.pipes.create_user_connected_account(
            "user_alice", "asana", refresh_token="r", account_display_name=name, idempotency_key="once"
        )

    assert create("first").id == create("first").id
    with pytest.raises(ConflictError):
        create("other")


def test_every_answer_has_a_request_id(sandbox: Any) -> None:
    good = sandbox.pipes("GET", "/data-integrations")
    bad = sandbox.pipes("GET", "/data-integrations", key="wrong")
    assert good.headers["X-Request-ID"]
    assert (bad.status, bad.json()) == (401, {"message": "Unauthorized"})
    assert bad.headers["X-Request-ID"] != good.headers["X-Request-ID"]


def test_a_malformed_body_is_refused_with_the_member_that_is_wrong(sandbox: Any) -> None:
    path = "/data-integrations/snowflake/token"
    assert sandbox.pipes("POST", path, b"{").status == 400
    missing = sandbox.pipes("POST", path, {})
    assert (missing.status, missing.json()["errors"][0]["field"]) == (422, "user_id")
    assert sandbox.pipes("POST", path, {"user_id": 7}).status == 422


def _custom(name: str) -> Any:
    from workos.pipes.models import CustomProviderDefinition

    return CustomProviderDefinition(name=name, token_url="https://erp.example/token")
