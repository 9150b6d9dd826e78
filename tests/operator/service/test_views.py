"""What an agent is shown of a session and of a binding."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from pipes_api import grant as grants
from pipes_api import messages
from pipes_api.resources import (
    Access,
    Agent,
    AgentSession,
    AgentSessionSpec,
    AgentSessionStatus,
    Approval,
    BindingLimits,
    BindingTools,
    BoundPod,
    Condition,
    ConnectedAccount,
    Connection,
    HostedServer,
    Metadata,
    ProviderBinding,
    ProviderBindingSpec,
    ProviderBindingStatus,
    RequestedBinding,
    Revocation,
    ToolLimits,
    plain,
)
from pipes_api.states import TERMINAL, SessionState
from pipes_catalog import ToolAccess, ToolDefinition
from pipes_operator.decisions.facts import Offer
from pipes_operator.service import lines, views

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GRANT = grants.Grant(
    uid="u",
    agent=Agent(service_account_name="analyst", pod_uid="p1"),
    duration=3600,
    reason="why",
    bindings=(
        grants.GrantedBinding(
            name="snowflake",
            uid="b",
            provider="snowflake",
            catalog="snowflake",
            connection=Connection(user_id="user_1"),
            account="ca_1",
            access=Access.READ,
            tools={"snowflake_query": "h1"},
        ),
    ),
)


def session(state: SessionState | None = SessionState.ACTIVE, **changes: Any) -> AgentSession:
    spec = AgentSessionSpec(
        agent=changes.pop("agent", Agent(service_account_name="analyst", pod_uid="p1")),
        bindings=(RequestedBinding(name="snowflake"),),
        duration="1h",
        reason="why",
        approval=changes.pop("approval", None),
        revocation=changes.pop("revocation", None),
    )
    metadata = Metadata(
        name="s",
        namespace="team-a",
        uid=changes.pop("uid", "u"),
        creation_timestamp=NOW - timedelta(minutes=5),
        deletion_timestamp=changes.pop("deleted", None),
    )
    status = {
        "state": state,
        "grant": plain(GRANT),
        "grant_hash": grants.grant_hash(GRANT),
        "expires_at": NOW + timedelta(hours=1),
        **changes,
    }
    return AgentSession(metadata=metadata, spec=spec, status=AgentSessionStatus(**status))


def test_an_active_session_is_live() -> None:
    view = views.session_view(session(), NOW)
    assert view.live
    assert view.state is SessionState.ACTIVE
    assert view.pod_uid == "p1"
    assert view.grant == GRANT
    assert view.message


def test_a_revocation_counts_before_the_status_is_written() -> None:
    revoked = session(revocation=Revocation(by="alice@example.com", reason="done"))
    view = views.session_view(revoked, NOW)
    assert (view.state, view.live, view.ended_by) == (SessionState.REVOKED, False, "alice@example.com")
    assert view.message == "Revoked by alice@example.com: done"


def test_a_deletion_counts_at_once() -> None:
    assert views.session_view(session(deleted=NOW), NOW).state is SessionState.REVOKED
    pending = session(SessionState.AWAITING_APPROVAL, deleted=NOW)
    assert views.session_view(pending, NOW).state is SessionState.WITHDRAWN


def test_time_that_is_over_counts_at_once_to_the_second() -> None:
    end = session().status.expires_at
    assert end is not None
    assert views.session_view(session(), end - timedelta(microseconds=1)).live
    assert views.session_view(session(), end).state is SessionState.EXPIRED


def test_an_active_session_without_an_end_or_a_readable_grant_is_not_live() -> None:
    assert not views.is_live(session(expires_at=None), NOW)
    assert not views.is_live(session(grant=None), NOW)
    assert not views.is_live(session(grant={**plain(GRANT), "calls": []}), NOW)


@pytest.mark.parametrize("state", [each for each in SessionState if each is not SessionState.ACTIVE])
def test_no_other_state_is_live(state: SessionState) -> None:
    view = views.session_view(session(state), NOW)
    assert not view.live
    assert view.state is state


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_terminal_state_absorbs_what_comes_later(state: SessionState) -> None:
    later = session(state, revocation=Revocation(by="x"), deleted=NOW)
    assert views.standing(later, NOW).state is state


def test_a_new_request_is_pending_and_shows_what_was_asked() -> None:
    view = views.session_view(session(None, grant=None, grant_hash=None, expires_at=None), NOW)
    assert view.state is SessionState.PENDING
    assert view.requested == (RequestedBinding(name="snowflake"),)


def test_the_approvers_note_is_shown() -> None:
    approval = Approval(decision="Denied", by="alice@example.com", note="ask for less")
    view = views.session_view(session(SessionState.DENIED, approval=approval), NOW)
    assert (view.note, view.decided_by) == ("ask for less", "alice@example.com")


def test_a_session_belongs_to_its_pod_alone_unless_it_is_shared() -> None:
    assert views.belongs_to(session(), "team-a", "analyst", "p1")
    for who in (("team-a", "analyst", "p2"), ("team-a", "other", "p1"), ("team-b", "analyst", "p1")):
        assert not views.belongs_to(session(), *who)
    shared = session(agent=Agent(service_account_name="analyst", shared=True))
    assert views.belongs_to(shared, "team-a", "analyst", "any")
    assert not views.belongs_to(shared, "team-a", "other", "any")
    unbound = session(agent=Agent(service_account_name="analyst"))
    assert not views.belongs_to(unbound, "team-a", "analyst", "p1")
    assert not views.belongs_to(unbound, "team-a", "analyst", "")


def test_the_pod_that_claimed_it_has_it() -> None:
    claimed = session(agent=Agent(service_account_name="analyst"), bound_pod=BoundPod(name="p", uid="p7"))
    assert views.pod_of(claimed) == "p7"


def test_only_the_newest_ended_sessions_within_retention_are_shown() -> None:
    ended = [
        session(SessionState.ENDED, uid=f"e{number:02}", ended_at=NOW - timedelta(minutes=number))
        for number in range(30)
    ]
    old = session(SessionState.ENDED, uid="old", ended_at=NOW - timedelta(days=2))
    shown = views.worth_showing([*ended, old, session(uid="live")], NOW, timedelta(days=1))
    assert [each.metadata.uid for each in shown] == ["live", *(f"e{number:02}" for number in range(20))]


QUERY = ToolDefinition(name="query", title="q", description="q", access=ToolAccess.READ, input_schema={})


class Tools:
    def __init__(self, **more: Any) -> None:
        self.more = more

    def offer(self, binding: ProviderBinding) -> Offer:
        return Offer(binding, "snowflake", {"snowflake_query": QUERY}, ("*.example.com",), **self.more)

    def find(self, digest: str) -> dict[str, Any] | None:
        return None

    def title(self, binding: ProviderBinding) -> str:
        return "Snowflake"


def binding(conditions: dict[str, tuple[str, str]], **spec: Any) -> ProviderBinding:
    return ProviderBinding(
        metadata=Metadata(name="snowflake", namespace="team-a", uid="b", deletion_timestamp=spec.pop("deleted", None)),
        spec=ProviderBindingSpec(
            provider="snowflake",
            **{"connection": Connection(user_id="user_secret", organization_id="org_secret"), **spec},
        ),
        status=ProviderBindingStatus(
            conditions=tuple(
                Condition(type=kind, status=status, reason="R", message=message)
                for kind, (status, message) in conditions.items()
            ),
            account=ConnectedAccount(id="ca_secret", display_name="Bob's Snowflake"),
        ),
    )


GOOD = {"Connected": ("True", ""), "Ready": ("True", "")}


def test_a_connected_and_ready_binding_can_be_used() -> None:
    view = views.binding_view(binding(GOOD, limits=BindingLimits(max_duration="1h30m")), Tools())
    assert view.ready
    assert view.connected
    assert view.max_duration == 5400
    assert view.problem == ""


def test_names_of_people_and_accounts_do_not_reach_an_agent() -> None:
    message = "user_secret of org_secret must connect Bob's Snowflake (ca_secret) again"
    view = views.binding_view(binding({"Connected": ("False", message), "Ready": ("True", "")}), Tools())
    assert not view.ready
    data = messages.encode(view).decode()
    assert "must connect" in data
    for private in ("user_secret", "org_secret", "Bob", "ca_secret"):
        assert private not in data


@pytest.mark.parametrize(
    "unusable",
    [
        binding({}),
        binding({"Connected": ("Unknown", "?"), "Ready": ("True", "")}),
        binding({"Connected": ("True", ""), "Ready": ("False", "collides")}),
        binding(GOOD, deleted=NOW),
    ],
)
def test_what_is_not_proven_usable_is_not_ready_and_says_why(unusable: ProviderBinding) -> None:
    view = views.binding_view(unusable, Tools())
    assert not view.ready
    assert view.problem


def test_a_ceiling_that_cannot_be_read_allows_nothing() -> None:
    view = views.binding_view(binding(GOOD, limits=BindingLimits(max_duration="nonsense")), Tools())
    assert view.max_duration == 0


def test_restrictions_and_ceilings_of_tools_are_those_of_now() -> None:
    restrict = {"snowflake_query": {"required": ["warehouse"]}}
    limits = {"snowflake_query": ToolLimits(max_calls=3)}
    view = views.binding_view(binding(GOOD), Tools(restrict=restrict, limits=limits))
    assert view.restrict == restrict
    assert view.tool_limits == limits
    assert view.tools == {"snowflake_query": QUERY.hash}


BY_SESSION = {"Connected": ("Unknown", "Each session names the person."), "Ready": ("True", "")}


def test_a_binding_whose_sessions_name_the_person_is_ready_without_an_account() -> None:
    anybodys = Connection(from_session=True)
    view = views.binding_view(binding(BY_SESSION, connection=anybodys), Tools())
    assert view.from_session
    assert (view.ready, view.connected) == (True, True)
    unready = {**BY_SESSION, "Ready": ("False", "There is no catalog x.")}
    view = views.binding_view(binding(unready, connection=anybodys), Tools())
    assert (view.ready, view.connected) == (False, False)
    # The same conditions on one that names its user are not proof of a connection.
    assert not views.binding_view(binding(BY_SESSION), Tools()).ready


DISCOVERED = BindingTools(mcp=HostedServer(url="https://mcp.example.com/mcp", discover=True))


def test_the_broker_alone_is_told_which_hosted_server_to_read_and_as_whom() -> None:
    hosted = binding(GOOD, tools=DISCOVERED)
    view = views.binding_view(hosted, Tools())
    assert view.hosted is None
    assert "secret" not in messages.encode(view).decode()
    told = views.brokers_view(view, hosted, Tools()).hosted
    assert told is not None
    assert (told.url, told.account, told.connection.user_id) == (
        "https://mcp.example.com/mcp",
        "ca_secret",
        "user_secret",
    )
    assert told.hosts == ("*.example.com",)


@pytest.mark.parametrize(
    "unusable",
    [
        binding(GOOD),
        binding(GOOD, tools=BindingTools(mcp=HostedServer(url="https://mcp.example.com/mcp", tools=()))),
        binding({**GOOD, "Connected": ("False", "")}, tools=DISCOVERED),
        binding(GOOD, tools=DISCOVERED, suspended=True),
        binding(GOOD, tools=DISCOVERED, deleted=NOW),
    ],
)
def test_nothing_is_discovered_of_a_binding_that_may_not_be_used(unusable: ProviderBinding) -> None:
    view = views.binding_view(unusable, Tools())
    assert views.brokers_view(view, unusable, Tools()).hosted is None


def test_a_line_from_parts_is_the_message_itself() -> None:
    view = views.session_view(session(), NOW)
    lease = messages.Lease(uid="u", until=12.5, token="t")
    line = lines.SessionLine(view)
    assert line.digests == {"h1"}
    whole = messages.SessionChanged(session=view, lease=lease, definitions={"h1": {"name": "query"}})
    assert line.with_parts(lease, {"h1": {"name": "query"}}) == messages.encode(whole) + b"\n"
    assert line.with_parts(None, {}) == messages.encode(messages.SessionChanged(session=view)) + b"\n"
    offer = views.binding_view(binding(GOOD), Tools())
    changed = messages.BindingChanged(binding=offer, definitions={"h1": {}})
    assert lines.BindingLine(offer).with_definitions({"h1": {}}) == messages.encode(changed) + b"\n"
    assert msgspec.json.decode(lines.BindingLine(offer).with_definitions({})) == msgspec.json.decode(
        messages.encode(messages.BindingChanged(binding=offer))
    )
