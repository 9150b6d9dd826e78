"""ProviderBindings against a sandbox of Pipes: what a person is told, and whose account it may be."""

import pytest

pytestmark = pytest.mark.apiserver


def condition(body, kind):
    return next(
        (each for each in body.get("status", {}).get("conditions", ()) if each["type"] == kind),
        {"status": "", "reason": "", "message": ""},
    )


@pytest.fixture
def empty_team(bed, operator):
    return bed.team()


def test_a_working_connection_is_ready_and_names_account_scopes_and_tools(empty_team):
    empty_team.bind()

    status = empty_team.ready()["status"]

    assert status["account"]["id"] == "data_installation_snowflake_alice"
    assert status["account"]["displayName"] == "Acme warehouse (ALICE)"
    assert "session:role:ANALYST" in status["grantedScopes"]
    assert "snowflake_query" in status["tools"]
    assert status["toolsHash"]
    assert status["observedGeneration"] == 1


@pytest.mark.parametrize(
    ("name", "spec", "reason"),
    [
        ("salesforce", {"provider": "salesforce", "connection": {"userId": "user_bob"}}, "NeedsReauthorization"),
        ("snowflake", {"connection": {"userId": "user_bob"}}, "NotConnected"),
        (
            "github-enterprise",
            {"provider": "github-enterprise", "connection": {"userId": "user_alice"}},
            "UnknownProvider",
        ),
        ("snowflake", {"connection": {"userId": "user_alice", "organizationId": "org_acme"}}, "NotConnected"),
        (
            "snowflake",
            {"connection": {"userId": "user_alice", "connectedAccountId": "data_installation_drive_bob"}},
            "NotConnected",
        ),
    ],
    ids=[
        "to be authorized again",
        "never connected",
        "no such provider",
        "not in that organization",
        "another's account",
    ],
)
def test_what_pipes_says_is_told_in_the_conditions(empty_team, name, spec, reason):
    empty_team.bind(name, **spec)

    body = empty_team.binding_until(name, lambda each: condition(each, "Connected")["status"] == "False")

    assert condition(body, "Connected")["reason"] == reason
    assert condition(body, "Connected")["message"]
    assert condition(body, "Ready")["status"] == "False"


def test_an_organizations_connection_is_taken_as_the_organizations(empty_team):
    owner = {"userId": "user_alice", "organizationId": "org_acme", "owner": "Organization"}
    empty_team.bind(connection=owner)

    assert empty_team.ready()["status"]["account"]["id"] == "data_installation_snowflake_acme"


def test_a_suspended_binding_is_not_ready_and_takes_pending_requests_back(team):
    team.ask()
    team.state("s1", "AwaitingApproval")

    team.call(
        "PATCH",
        "providerbindings/snowflake",
        {"spec": {"suspended": True}},
        user="alice@example.com",
        content_type="application/merge-patch+json",
    )

    assert "suspended" in team.state("s1", "Pending")["status"]["message"]
    body = team.binding_until("snowflake", lambda each: condition(each, "Ready")["status"] == "False")
    assert condition(body, "Ready")["reason"] == "Suspended"


def test_two_bindings_whose_tools_would_have_one_name_are_told_apart_by_age(empty_team):
    empty_team.bind("my-flake")
    empty_team.ready("my-flake")

    empty_team.bind("my-flake-x", tools={"catalog": "nonesuch"})
    body = empty_team.binding_until("my-flake-x", lambda each: condition(each, "Ready")["status"] == "False")

    assert "nonesuch" in condition(body, "Ready")["message"]


def test_an_active_session_outlives_a_broken_connection_and_says_so(team, bed):
    team.active()
    _set_state(bed, "needs_reauthorization")
    try:
        team.call(
            "PATCH",
            "providerbindings/snowflake",
            {"spec": {"limits": {"callsPerMinute": 7}}},
            user="alice@example.com",
            content_type="application/merge-patch+json",
        )
        lost = team.session_until("s1", lambda each: condition(each, "ConnectionsAvailable")["status"] == "False")
        assert lost["status"]["state"] == "Active"
    finally:
        _set_state(bed, "connected")
    team.session_until("s1", lambda each: condition(each, "ConnectionsAvailable")["status"] == "True", 30)


def _set_state(bed, state):
    bed.sandbox_call("PATCH", "/_sandbox/accounts/data_installation_snowflake_alice", {"state": state})
