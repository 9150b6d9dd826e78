"""Who may lend whose connection (policies `connection` and `removal`)."""

from typing import Any

import pytest

from cluster import product
from policies.stage import ADMIN, AGENT, ALICE, BOB, OPERATOR, ROBOT, Stage, check

pytestmark = pytest.mark.apiserver

BOSS = {"connection": {"userId": "user_ceo"}}
ORGANIZATION = {"connection": {"userId": "user_alice", "owner": "Organization", "organizationId": "org_victim"}}
NO_ORGANIZATION = {"connection": {"userId": "user_alice", "owner": "Organization"}}

LENDING: list[tuple[str, str, dict[str, Any], str | None]] = [
    ("her own connection", ALICE, {}, None),
    ("another's connection", BOB, {}, "bob@example.com lacks the verb connect on pipesconnections user_alice"),
    ("the boss's connection", ALICE, BOSS, "alice@example.com lacks the verb connect on pipesconnections user_ceo"),
    ("an organization's connection", ALICE, ORGANIZATION, "pipesconnections user_alice and org_victim"),
    ("an organization's connection without the organization", ALICE, NO_ORGANIZATION, "needs an organizationId"),
    ("nobody's connection", ADMIN, {"connection": {}}, "name the user whose connection it is"),
    ("the boss's, as an admin", ADMIN, BOSS, None),
    ("an organization's, as an admin", ADMIN, ORGANIZATION, None),
    ("with ceilings", ALICE, {"limits": {"maxAccess": "Write", "maxDuration": "1h", "callsPerMinute": 60}}, None),
    ("as the agent", AGENT, {}, "cannot create resource"),
    ("as the operator", OPERATOR, {}, "cannot create resource"),
]


@pytest.mark.parametrize(("what", "who", "spec", "refused"), LENDING, ids=[row[0] for row in LENDING])
def test_whose_connection_may_be_lent(
    stage: Stage, what: str, who: str, spec: dict[str, Any], refused: str | None
) -> None:
    check(stage.create(who, stage.binding(stage.name(), **spec)), refused)


def test_who_may_lend_an_organizations_connection(stage: Stage) -> None:

    product.allow_connect(stage.cluster, "carol@example.com", "user_carol", "org_acme")
    product.bind(stage.cluster, stage.namespace, "pipes-connector", "carol@example.com")
    own = {"userId": "user_carol", "owner": "Organization", "organizationId": "org_acme"}
    check(stage.create("carol@example.com", stage.binding(stage.name(), connection=own)), None)
    half = {"userId": "user_alice", "owner": "Organization", "organizationId": "org_acme"}
    check(stage.create("carol@example.com", stage.binding(stage.name(), connection=half)), "lacks the verb connect")


CHANGING: list[tuple[str, dict[str, Any], str | None]] = [
    ("the provider", {"provider": "github"}, "provider cannot change: make a new binding"),
    ("the user", {"connection": {"userId": "user_x"}}, "connection cannot change: make a new binding"),
    ("the account", {"connection": {"connectedAccountId": "conn_2"}}, "connection cannot change"),
    ("the endpoint", {"endpoint": {"account": "evil"}}, "endpoint cannot change: make a new binding"),
    ("the ceilings", {"limits": {"maxAccess": "Write"}}, None),
    ("the tools", {"tools": {"include": ["query"]}}, None),
]


@pytest.mark.parametrize(("what", "spec", "refused"), CHANGING, ids=[row[0] for row in CHANGING])
def test_what_may_change_later(stage: Stage, what: str, spec: dict[str, Any], refused: str | None) -> None:
    name = stage.bound(ALICE, endpoint={"account": "acme"})
    check(stage.merge(ALICE, "ProviderBinding", name, spec), refused)


def test_changing_a_binding_takes_the_right_to_its_connection(stage: Stage) -> None:
    name = stage.bound(ADMIN, **BOSS)
    check(stage.merge(ALICE, "ProviderBinding", name, {"limits": {"maxAccess": "Write"}}), "lacks the verb connect")
    # Through another name of a person one may connect.
    check(
        stage.merge(ALICE, "ProviderBinding", name, {"connection": {"userId": "user_alice"}}), "connection cannot chan"
    )


def test_suspending_takes_revoke_and_lifting_it_both_rights(stage: Stage) -> None:
    name = stage.bound(ADMIN, **BOSS)
    check(stage.merge(BOB, "ProviderBinding", name, {"suspended": True}), "bob@example.com lacks the verb connect")
    check(stage.merge(ROBOT, "ProviderBinding", name, {"suspended": True}), None)
    check(stage.merge(BOB, "ProviderBinding", name, {"suspended": False}), "bob@example.com lacks the verb")
    check(stage.merge(ALICE, "ProviderBinding", name, {"suspended": False}), "alice@example.com lacks the verb connect")
    check(stage.merge(ADMIN, "ProviderBinding", name, {"suspended": False}), None)
    check(stage.merge(ALICE, "ProviderBinding", name, {"suspended": True}), None)


def test_the_owner_of_a_connection_suspends_but_does_not_lift_what_others_may_have_suspended(stage: Stage) -> None:

    product.allow_connect(stage.cluster, "frank@example.com", "user_frank")
    product.bind(stage.cluster, stage.namespace, "pipes-connector", "frank@example.com")
    name = stage.bound("frank@example.com", connection={"userId": "user_frank"})
    check(stage.merge("frank@example.com", "ProviderBinding", name, {"suspended": True}), None)
    lift = stage.merge("frank@example.com", "ProviderBinding", name, {"suspended": False})
    check(lift, "frank@example.com lacks the verb revoke on this providerbinding, which it takes to lift a suspension")


@pytest.mark.parametrize(
    "more",
    [
        {"limits": {"maxAccess": "Write"}},
        {"tools": {"include": ["query"]}},
        {"tools": {"catalog": "http"}},
    ],
)
def test_suspending_hides_no_other_change(stage: Stage, more: dict[str, Any]) -> None:
    name = stage.bound(ADMIN, **BOSS)
    check(stage.merge(ALICE, "ProviderBinding", name, {"suspended": True, **more}), "lacks the verb connect")


def test_who_may_delete_a_binding(stage: Stage) -> None:
    name = stage.bound(ADMIN, **BOSS)
    check(stage.delete(BOB, "ProviderBinding", name), "needs the verb connect on its connection, or revoke")
    check(stage.delete(ALICE, "ProviderBinding", name), None)
    # By the right to the connection alone.

    product.allow_connect(stage.cluster, "grace@example.com", "user_grace")
    product.bind(stage.cluster, stage.namespace, "pipes-connector", "grace@example.com")
    name = stage.bound("grace@example.com", connection={"userId": "user_grace"})
    check(stage.delete(BOB, "ProviderBinding", name), "needs the verb connect")
    check(stage.delete("grace@example.com", "ProviderBinding", name), None)


def test_a_binding_is_named_so_that_a_session_can_name_it(stage: Stage) -> None:
    for name in ("a.b", "x" * 64):
        check(stage.create(ADMIN, stage.binding(name)), "name it with 1 to 63 lower-case letters, digits and -")
