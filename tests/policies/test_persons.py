"""Sessions for a person: who may lend anybody's connection, name the person, and approve in that person's name."""

from typing import Any

import pytest

from cluster import product
from pipes_api import names
from policies.stage import ADMIN, AGENT, ALICE, BOB, GRANT_HASH, OPERATOR, ROBOT, Stage, check

pytestmark = pytest.mark.apiserver

FROM_SESSION = {"connection": {"fromSession": True}}
NO_MACHINE = "only a person can name the person a session acts for, never a service account or a system user"


@pytest.fixture(scope="module")
def speaker(stage: Stage) -> Stage:
    """The stage on which ALICE may approve in user_alice's name, and in nobody else's."""
    rule = {"apiGroups": [names.GROUP], "resources": ["pipesusers"], "resourceNames": ["user_alice"]}
    product.allow(stage.cluster, "speaks-for-alice", {**rule, "verbs": ["approve"]})
    product.bind(stage.cluster, None, "speaks-for-alice", ALICE)
    return stage


WHO: list[tuple[str, str, str | None]] = [
    ("a requester", BOB, None),
    ("a cluster admin", ADMIN, None),
    ("the person some distributions call system:admin", "system:admin+system:masters+system:authenticated", None),
    ("the agent itself", AGENT, NO_MACHINE),
    ("a service account that holds approve", ROBOT, NO_MACHINE),
    ("the operator", OPERATOR, NO_MACHINE),
    ("a component", "system:kube-scheduler+system:masters+system:authenticated", NO_MACHINE),
    ("a node", "system:node:n1+system:nodes+system:masters+system:authenticated", NO_MACHINE),
]


@pytest.mark.parametrize(("what", "who", "refused"), WHO, ids=[row[0] for row in WHO])
def test_who_may_name_the_person_a_session_acts_for(stage: Stage, what: str, who: str, refused: str | None) -> None:
    spec: dict[str, Any] = {"onBehalfOf": {"userId": "user_ceo"}}
    if who == ROBOT:
        spec["agent"] = {"serviceAccountName": ROBOT}  # for another it may not ask anyway
    if who == OPERATOR:
        spec["requestedBy"] = stage.user(AGENT)
    elif not stage.stamping:
        spec["requestedBy"] = stage.user(who)
    check(stage.create(who, stage.session(stage.name(), **spec)), refused)


def test_approving_in_a_persons_name_takes_the_right_to_speak_for_that_person(speaker: Stage) -> None:
    name = speaker.awaiting(asked_by=BOB, onBehalfOf={"userId": "user_ceo"})
    check(speaker.approve(ALICE, name), "alice@example.com lacks the verb approve on pipesusers user_ceo")
    narrowed = [{"name": "drive", "access": "Read"}]
    check(speaker.approve(ALICE, name, bindings=narrowed), "lacks the verb approve on pipesusers user_ceo")
    check(speaker.approve(ALICE, name, grant_hash=None, decision="Denied"), None)
    check(speaker.approve(ALICE, speaker.awaiting(asked_by=BOB, onBehalfOf={"userId": "user_alice"})), None)


def test_a_session_born_approved_takes_that_right_too(speaker: Stage) -> None:
    for user, refused in (("user_ceo", "lacks the verb approve on pipesusers user_ceo"), ("user_alice", None)):
        approval = {"decision": "Approved"}
        document = speaker.session(speaker.name(), onBehalfOf={"userId": user}, approval=approval)
        check(speaker.create(ALICE, document), refused)


def test_the_person_acted_for_is_fixed(speaker: Stage) -> None:
    name = speaker.awaiting(asked_by=BOB, onBehalfOf={"userId": "user_ceo"})
    approval = {"decision": "Approved", "grantHash": GRANT_HASH}
    both = {"onBehalfOf": {"userId": "user_alice"}, "approval": approval}
    check(speaker.merge(ALICE, "AgentSession", name, both), "onBehalfOf cannot change")
    later = {"onBehalfOf": {"userId": "user_alice"}, "approval": approval}
    check(speaker.merge(ALICE, "AgentSession", speaker.awaiting(asked_by=BOB), later), "onBehalfOf cannot change")


FORMS: list[tuple[str, dict[str, Any], str]] = [
    ("nobody", {}, "spec.onBehalfOf.userId: Required value"),
    ("an empty id", {"userId": ""}, "write the user's id in WorkOS, like user_01HXYZ"),
    ("an escape", {"userId": "user\x1b[2J"}, "write the user's id in WorkOS, like user_01HXYZ"),
    ("a path", {"userId": "../organizations/org_1"}, "write the user's id in WorkOS, like user_01HXYZ"),
    ("every user", {"userId": "*"}, "write the user's id in WorkOS, like user_01HXYZ"),
    ("a bidi override", {"userId": "u", "organizationId": "o\u202e"}, "write the organization's id in WorkOS"),
]


@pytest.mark.parametrize(("what", "person", "refused"), FORMS, ids=[row[0] for row in FORMS])
def test_a_person_is_named_by_an_id(stamped: Stage, what: str, person: dict[str, Any], refused: str) -> None:
    check(stamped.create(BOB, stamped.session(stamped.name(), onBehalfOf=person)), refused)


def test_lending_anybodys_connection_takes_the_right_to_all(stage: Stage) -> None:
    document = stage.binding(stage.name(), **FROM_SESSION)
    check(stage.create(ALICE, document), "alice@example.com lacks the verb connect on pipesconnections *")
    check(stage.create(ADMIN, document), None)
    name = document["metadata"]["name"]
    check(stage.merge(ALICE, "ProviderBinding", name, {"limits": {"maxAccess": "Write"}}), "pipesconnections *")
    check(stage.delete(BOB, "ProviderBinding", name), "needs the verb connect on its connection, or revoke")
    own = {"connection": {"userId": "user_alice"}}
    check(stage.merge(ALICE, "ProviderBinding", name, own), "name a userId, or say fromSession: true, not both")
    swap = {"connection": {"userId": "user_alice", "fromSession": None}}
    check(stage.merge(ALICE, "ProviderBinding", name, swap), "connection cannot change: make a new binding")


def test_a_right_that_names_a_star_only_is_the_right_to_all_and_no_more(stage: Stage) -> None:
    """`connect` on the resource name `*` is what the policy asks for; RBAC takes that name literally."""
    product.allow_connect(stage.cluster, BOB, "*")
    check(stage.create(BOB, stage.binding(stage.name(), **FROM_SESSION)), None)
    check(stage.create(BOB, stage.binding(stage.name())), "lacks the verb connect on pipesconnections user_alice")


CONNECTIONS: list[tuple[str, dict[str, Any], str | None]] = [
    ("neither", {}, "name the user whose connection it is, or say fromSession: true"),
    ("neither, in words", {"fromSession": False}, "name the user whose connection it is, or say fromSession: true"),
    ("a user, and not from the session", {"userId": "u", "fromSession": False}, None),
    ("both", {"userId": "u", "fromSession": True}, "name a userId, or say fromSession: true, not both"),
    (
        "an organization's",
        {"fromSession": True, "owner": "Organization", "organizationId": "org_1"},
        "with fromSession the session names the person",
    ),
    (
        "one account of all people",
        {"fromSession": True, "connectedAccountId": "ca_1"},
        "with fromSession the session names the person",
    ),
    ("in one organization", {"fromSession": True, "organizationId": "org_1"}, None),
]


@pytest.mark.parametrize(("what", "connection", "refused"), CONNECTIONS, ids=[row[0] for row in CONNECTIONS])
def test_a_connection_is_a_users_or_the_sessions(
    stamped: Stage, what: str, connection: dict[str, Any], refused: str | None
) -> None:
    check(stamped.create(ADMIN, stamped.binding(stamped.name(), connection=connection)), refused)
