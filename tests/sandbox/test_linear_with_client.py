"""Linear's own @linear/sdk, pointed at the sandbox, lists, searches and changes issues."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from node_client import NodeClient, NodeError, node_client

pytestmark = pytest.mark.node

Call = Callable[..., Any]
"""`call("issue", "ENG-1", then=["team"])`: what the library gives."""


@pytest.fixture(scope="module")
def node() -> Iterator[NodeClient]:
    with node_client("linear.mjs") as client:
        yield client


def calls(node: NodeClient, sandbox: Any, user: str = "user_alice") -> Call:
    token = sandbox.token("linear", user)

    def call(name: str, *given: Any, then: list[str] | None = None) -> Any:
        return node.call(name, list(given), url=sandbox.url, token=token, then=then or [])

    return call


@pytest.fixture
def linear(node: NodeClient, sandbox: Any) -> Call:
    return calls(node, sandbox)


@pytest.fixture
def reading(node: NodeClient, unchanged: Any) -> Call:
    return calls(node, unchanged)


def refusal(call: Call, name: str, *given: Any) -> tuple[str, list[str]]:
    with pytest.raises(NodeError) as caught:
        call(name, *given)
    return caught.value.data["type"], caught.value.data["messages"]


def test_the_token_tells_who_it_is_for(reading: Call) -> None:
    me = reading("viewer")
    assert (me["email"], me["isMe"], me["active"]) == ("alice@acme.example", True, True)


def test_an_issue_is_found_by_identifier_and_leads_to_what_belongs_to_it(reading: Call) -> None:
    issue = reading("issue", "ENG-1")

    assert issue["title"] == "Anvil hits the floor too hard"
    assert issue["priorityLabel"] == "Urgent"
    assert reading("issue", "ENG-1", then=["team"])["key"] == "ENG"
    assert reading("issue", "ENG-1", then=["state"])["type"] == "started"
    assert reading("issue", issue["id"], then=["assignee"])["email"] == "alice@acme.example"
    comments = reading("issue", "ENG-1", then=["comments"])["nodes"]
    assert {each["body"] for each in comments} == {"Three more reports today.", "I am on it."}


def test_lists_are_paged_by_cursor(reading: Call) -> None:
    first = reading("issues", {"first": 100})
    rest = reading("issues", {"first": 100, "after": first["pageInfo"]["endCursor"]})

    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    assert len({each["id"] for each in [*first["nodes"], *rest["nodes"]]}) == 124


@pytest.mark.parametrize(
    ("wanted", "identifiers"),
    [
        ({"team": {"key": {"eq": "ENG"}}}, {"ENG-1", "ENG-2", "ENG-3"}),
        ({"team": {"key": {"eq": "ENG"}}, "state": {"type": {"in": ["started", "unstarted"]}}}, {"ENG-1", "ENG-2"}),
        ({"assignee": {"isMe": {"eq": True}}}, {"ENG-1"}),
        ({"assignee": {"email": {"eq": "bob@acme.example"}}}, {"ENG-3", "OPS-1"}),
        ({"labels": {"some": {"name": {"eq": "Bug"}}}}, {"ENG-1"}),
        ({"priority": {"lte": 2, "gte": 1}}, {"ENG-1", "OPS-1"}),
        ({"project": {"name": {"containsIgnoreCase": "LAUNCH"}}}, {"ENG-1", "ENG-2"}),
        ({"project": {"null": True}, "team": {"key": {"eq": "ENG"}}}, set()),
        ({"or": [{"title": {"contains": "catapult"}}, {"title": {"contains": "Softer"}}]}, {"ENG-2", "ENG-3"}),
        ({"team": {"key": {"eq": "HR"}}}, set()),
    ],
)
def test_filters_select(reading: Call, wanted: Any, identifiers: set[str]) -> None:
    found = reading("issues", {"filter": wanted})["nodes"]
    assert {each["identifier"] for each in found} == identifiers


def test_words_are_searched_in_titles_descriptions_and_comments(reading: Call) -> None:
    found = reading("searchIssues", "floor cracks")
    assert [each["identifier"] for each in found["nodes"]] == ["ENG-1"]
    assert reading("searchIssues", "floor")["totalCount"] == 2
    assert reading("searchIssues", "reports today")["totalCount"] == 0
    assert reading("searchIssues", "reports today", {"includeComments": True})["totalCount"] == 1


def test_what_issues_are_made_of_is_listed(reading: Call) -> None:
    teams = {each["key"]: each["id"] for each in reading("teams")["nodes"]}
    states = reading("workflowStates", {"filter": {"team": {"key": {"eq": "ENG"}}}})["nodes"]

    assert teams.keys() == {"ENG", "OPS"}
    assert {each["type"] for each in states} == {"backlog", "unstarted", "started", "completed", "canceled"}
    assert {each["name"] for each in reading("issueLabels")["nodes"]} == {"Bug", "Feature", "Customer"}
    assert {each["email"] for each in reading("users")["nodes"]} >= {"alice@acme.example", "carol@acme.example"}


def test_an_issue_is_made_changed_and_discussed(linear: Call) -> None:
    (team,) = (each["id"] for each in linear("teams")["nodes"] if each["key"] == "ENG")
    done = linear("workflowStates", {"filter": {"team": {"key": {"eq": "ENG"}}, "type": {"eq": "completed"}}})["nodes"]
    labels = {each["name"]: each["id"] for each in linear("issueLabels")["nodes"]}
    made = linear("createIssue", {"teamId": team, "title": "New", "labelIds": [labels["Bug"]]}, then=["issue"])

    linear("updateIssue", made["id"], {"stateId": done[0]["id"], "addedLabelIds": [labels["Feature"]], "priority": 2})
    linear("createComment", {"issueId": made["id"], "body": "Done."})
    read = linear("issue", made["identifier"])

    assert made["identifier"] == "ENG-4"
    assert read["labelIds"] == [labels["Bug"], labels["Feature"]]
    assert read["priorityLabel"] == "High"
    assert read["completedAt"]
    assert linear("issue", made["id"], then=["comments"])["nodes"][0]["body"] == "Done."


def test_refusals_are_told_by_their_type(linear: Call) -> None:
    assert refusal(linear, "issue", "ENG-999") == ("InvalidInput", ["Could not find referenced Issue."])
    assert refusal(linear, "issue", "HR-1")[0] == "InvalidInput"
    assert refusal(linear, "createIssue", {"teamId": "00000000-0000-4000-8000-000000000000", "title": "x"})[0] == (
        "InvalidInput"
    )
    assert refusal(linear, "issues", {"first": 251})[0] == "InvalidInput"


def test_a_missing_scope_is_named(node: NodeClient, unchanged: Any) -> None:
    bob = calls(node, unchanged, "user_bob")
    kind, messages = refusal(bob, "updateIssue", "ENG-1", {"title": "x"})
    assert (kind, messages) == ("Forbidden", ["Invalid scope: `write` required"])


def test_a_comment_can_be_made_with_its_own_scope(node: NodeClient, sandbox: Any) -> None:
    bob = calls(node, sandbox, "user_bob")
    assert bob("createComment", {"issueId": "ENG-1", "body": "Me too"})["success"]


def test_a_personal_key_is_taken_bare(node: NodeClient, unchanged: Any) -> None:
    key = unchanged.token("linear", "user_carol")
    assert node.call("viewer", url=unchanged.url, key=key)["email"] == "carol@acme.example"


def test_an_ended_token_is_refused(node: NodeClient, sandbox: Any) -> None:
    alice = calls(node, sandbox)
    sandbox.admin("POST", "/tokens/end", {"provider": "linear"})
    assert refusal(alice, "issue", "ENG-1")[0] == "AuthenticationError"
