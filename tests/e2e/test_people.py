"""One agent, two people: each session is its person's, and nothing the agent says changes whose."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from cluster import product
from cluster.errors import ClusterError
from environment import Environment
from environment.agent import Agent
from environment.environment import Gateway
from environment.objects import example
from environment.observer import Observer
from environment.places import ALICE, CAROL
from environment.team import Team

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

DRIVE = "www.googleapis.com"


def _session_for(user: str, name: str) -> dict[str, Any]:
    document = deepcopy(example("for-people.yaml")[-1])
    document["metadata"]["name"] = name
    document["spec"]["onBehalfOf"] = {"userId": user}
    return document


async def test_two_people_one_pod(
    environment: Environment, team: Team, observer: Observer, new_pod: Callable[..., Gateway]
) -> None:
    team.allow("for-people.yaml")
    team.lend("for-people.yaml", user=CAROL)
    gateway, other = new_pod("for-people"), new_pod("for-people-too")
    hers = team.ask(_session_for("user_alice", "hers"), pod_uid=gateway.pod_uid)
    his = team.ask(_session_for("user_bob", "his"), pod_uid=gateway.pod_uid)
    elsewhere = team.ask(_session_for("user_alice", "elsewhere"), pod_uid=other.pod_uid)
    assert "In the name of the user user_bob" in team.summary(his)
    team.approve(hers)
    team.approve(elsewhere)
    with pytest.raises(ClusterError, match=r"alice@example\.com lacks the verb approve on pipesusers user_bob"):
        team.approve(his)
    rule = {"apiGroups": ["pipesmcp.io"], "resources": ["pipesusers"], "resourceNames": ["user_bob"]}
    product.allow(environment.cluster, "speaks-for-bob", {**rule, "verbs": ["approve"]})
    product.bind(environment.cluster, None, "speaks-for-bob", ALICE)
    team.approve(his)

    async with Agent.connected(gateway.mcp_url) as agent:
        await agent.until_live(hers, his)
        tool = (await agent.tools())["their_drive_search"]
        assert sorted((tool.meta or {})["pipesmcp.io/sessions"]) == sorted([hers, his])

        unnamed = await agent.call("their_drive_search", query="review")
        assert unnamed.reason == "SessionAmbiguous", unnamed.text
        for name in (elsewhere, "nobodys"):
            none = await agent.call("their_drive_search", in_session=name, query="review")
            assert none.reason == "SessionRequired", none.text

        for name, user, theirs in ((hers, "user_alice", "Pricing 2026"), (his, "user_bob", "Bob's diary")):
            observer.forget()
            for title in ("Pricing", "diary"):
                found = await agent.call("their_drive_search", in_session=name, name=title)
                assert not found.is_error, found.text
                assert (theirs in found.text) == (title in theirs), "each sees what is theirs, and no more"
            assert {call["token"]["user_id"] for call in observer.provider_calls(DRIVE)} == {user}
        private = await agent.call("their_drive_get_file", in_session=his, fileId="sheet-pricing")
        assert (private.is_error, private.reason) == (True, None), "Bob does not see what only Alice may"


async def test_an_agent_names_nobody(team: Team, new_pod: Callable[..., Gateway]) -> None:
    team.allow("for-people.yaml")
    team.lend("for-people.yaml", user=CAROL)
    asked: dict[str, Any] = {"reason": "whoever", "duration": "5m", "bindings": [{"name": "their-drive"}]}
    async with Agent.connected(new_pod("for-nobody").mcp_url) as agent:
        plain = await agent.call("request_session", **asked)
        assert plain.is_error
        assert "person" in plain.text
        naming = await agent.call("request_session", **asked, onBehalfOf={"userId": "user_alice"})
        assert naming.is_error
        assert "onBehalfOf" in naming.text
