"""Fields whose meaning comes later are refused by a sentence, and the policies are ready for the day they open."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster import Cluster, product
from pipes_api import manifests, names
from policies.stage import ADMIN, AGENT, ALICE, BOB, GRANT_HASH, Stage, check

pytestmark = pytest.mark.apiserver

FROM_SESSION = {"connection": {"fromSession": True}}
HOSTED = {"tools": {"mcp": {"url": "https://mcp.example.com/mcp"}}}

# fromSession by an admin, onBehalfOf for oneself and a hosted server over https will be accepts once they open.
LATER: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "calls",
        "AgentSession",
        {"bindings": [{"name": "a", "calls": [{"tool": "t", "arguments": "{}"}]}]},
        "calls is not",
    ),
    (
        "calls with a newline",
        "AgentSession",
        {"bindings": [{"name": "a", "calls": [{"tool": "a\nb"}]}]},
        "calls is not",
    ),
    (
        "calls with a bidi override",
        "AgentSession",
        {"bindings": [{"name": "a", "calls": [{"tool": "a", "arguments": '{"x":"\u202e"}'}]}]},
        "calls is not",
    ),
    ("no calls", "AgentSession", {"bindings": [{"name": "a", "calls": []}]}, "calls is not"),
    ("onBehalfOf", "AgentSession", {"onBehalfOf": {"userId": "user_alice"}}, "onBehalfOf is not"),
    ("onBehalfOf nobody", "AgentSession", {"onBehalfOf": {}}, "onBehalfOf is not"),
    ("onBehalfOf an escape", "AgentSession", {"onBehalfOf": {"userId": "user\x1b[2J"}}, "onBehalfOf is not"),
    ("fromSession", "ProviderBinding", FROM_SESSION, "fromSession is not"),
    (
        "fromSession beside a user",
        "ProviderBinding",
        {"connection": {"userId": "u", "fromSession": True}},
        "fromSession is not",
    ),
    (
        "fromSession false",
        "ProviderBinding",
        {"connection": {"userId": "u", "fromSession": False}},
        "fromSession is not",
    ),
    ("Relay", "ProviderBinding", {"credential": "Relay"}, "Relay is not"),
    ("a hosted server over https", "ProviderBinding", HOSTED, "hosted MCP servers are not"),
    ("custom tools", "ProviderBinding", {"tools": {"custom": [{"name": "x"}]}}, "custom tools are not"),
    ("restrict", "ProviderBinding", {"restrict": {"snowflake_query": {}}}, "restrict is not"),
    *[
        (f"a hosted server at {url}", "ProviderBinding", {"tools": {"mcp": {"url": url}}}, "hosted MCP servers are not")
        for url in ("http://169.254.169.254/x", "https://user@evil.example/x", "ftp://x")
    ],
]


@pytest.mark.parametrize(("what", "kind", "spec", "refused"), LATER, ids=[row[0] for row in LATER])
def test_refused_until_then(stage: Stage, what: str, kind: str, spec: dict[str, Any], refused: str) -> None:
    make = stage.session if kind == "AgentSession" else stage.binding
    answer = stage.create(ADMIN, make(stage.name(), **spec))
    check(answer, refused)
    assert "not supported yet; " in answer.message
    assert "Forbidden" in answer.message


def opened(schema: Any) -> Any:
    """The schema without the rules that refuse a field until its meaning comes."""
    if isinstance(schema, list):
        return [opened(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: opened(value) for key, value in schema.items()}
    if rules := result.get("x-kubernetes-validations"):
        result["x-kubernetes-validations"] = [rule for rule in rules if "not supported yet" not in rule["message"]]
    return result


@pytest.fixture(scope="module")
def tomorrow() -> Iterator[Stage]:
    """A server whose CRDs take the later fields already, under the policies of today."""
    with Cluster.start() as cluster:
        product.install(cluster)
        cluster.apply(*[opened(crd) for crd in manifests.crds()])
        stage = Stage(cluster, stamping=True)
        speaker = {"apiGroups": [names.GROUP], "resources": ["pipesusers"], "resourceNames": ["user_alice"]}
        product.allow(cluster, "speaks-for-alice", {**speaker, "verbs": ["approve"]})
        product.bind(cluster, None, "speaks-for-alice", ALICE)
        await_open(stage)
        yield stage


def await_open(stage: Stage) -> None:
    for _ in range(200):
        answer = stage.create(ADMIN, stage.session("probe", onBehalfOf={"userId": "u"}), dry_run=True)
        if answer.accepted:
            return
    check(answer, None)


def test_an_agent_will_not_name_the_person_it_acts_for(tomorrow: Stage) -> None:
    document = tomorrow.session(tomorrow.name(), onBehalfOf={"userId": "user_ceo"})
    check(tomorrow.create(AGENT, document), "a service account cannot name the person it acts for")
    check(tomorrow.create(BOB, document), None)


def test_approving_in_a_persons_name_will_take_the_right_to_speak_for_that_person(tomorrow: Stage) -> None:
    name = tomorrow.awaiting(asked_by=BOB, onBehalfOf={"userId": "user_ceo"})
    check(tomorrow.approve(ALICE, name), "alice@example.com lacks the verb approve on pipesusers user_ceo")
    check(tomorrow.approve(ALICE, name, grant_hash=None, decision="Denied"), None)
    check(tomorrow.approve(ALICE, tomorrow.awaiting(asked_by=BOB, onBehalfOf={"userId": "user_alice"})), None)


def test_the_person_acted_for_will_be_fixed(tomorrow: Stage) -> None:
    name = tomorrow.awaiting(asked_by=BOB, onBehalfOf={"userId": "user_ceo"})
    approval = {"decision": "Approved", "grantHash": GRANT_HASH}
    both = {"onBehalfOf": {"userId": "user_alice"}, "approval": approval}
    check(tomorrow.merge(ALICE, "AgentSession", name, both), "onBehalfOf cannot change")


def test_lending_anybodys_connection_will_take_the_right_to_all(tomorrow: Stage) -> None:
    document = tomorrow.binding(tomorrow.name(), **FROM_SESSION)
    check(tomorrow.create(ALICE, document), "alice@example.com lacks the verb connect on pipesconnections *")
    check(tomorrow.create(ADMIN, document), None)
    name = document["metadata"]["name"]
    check(tomorrow.delete(BOB, "ProviderBinding", name), "needs the verb connect on its connection, or revoke")


def test_a_hosted_server_will_be_fixed(tomorrow: Stage) -> None:
    name = tomorrow.bound(ALICE, **HOSTED)
    moved = {"tools": {"mcp": {"url": "https://evil.example/mcp"}}}
    check(tomorrow.merge(ALICE, "ProviderBinding", name, moved), "the hosted server cannot change: make a new binding")
