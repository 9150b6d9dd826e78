"""The jira library, pointed at the sandbox as at api.atlassian.com, searches and changes issues."""

from __future__ import annotations

from typing import Any

import pytest
from jira import JIRA, JIRAError

CLOUD = "1324a887-45db-4bf4-8e99-ef0ff456d421"
ALICE, BOB = "712020:a11ce000-0000-4000-8000-000000000001", "712020:b0b00000-0000-4000-8000-000000000002"


def client(sandbox: Any, user: str = "user_alice", cloud: str = CLOUD, version: str = "2") -> JIRA:
    return JIRA(
        server=f"{sandbox.url}/ex/jira/{cloud}",
        token_auth=sandbox.token("atlassian", user),
        options={"rest_api_version": version},
        max_retries=0,
        proxies={"http": "", "https": ""},
    )


@pytest.fixture
def jira(sandbox: Any) -> JIRA:
    return client(sandbox)


@pytest.fixture
def reading(unchanged: Any) -> JIRA:
    return client(unchanged)


def refusal(call: Any, *given: Any, **named: Any) -> tuple[int, str]:
    """The status, and what was said."""
    with pytest.raises(JIRAError) as caught:
        call(*given, **named)
    assert caught.value.response is not None
    return caught.value.status_code, caught.value.response.text


def test_the_token_tells_who_it_is_for(reading: JIRA) -> None:
    assert reading.myself()["accountId"] == ALICE


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("project = WEB", ["WEB-4", "WEB-3", "WEB-2", "WEB-1"]),
        ("project = Website AND issuetype = Bug ORDER BY key ASC", ["WEB-2", "WEB-4"]),
        ("project = WEB and statusCategory != Done and assignee = currentUser()", ["WEB-2"]),
        ('text ~ "anvil gone"', ["WEB-2"]),
        ("comment ~ browser", ["WEB-2"]),
        ("project in (WEB, OPS) AND assignee is EMPTY ORDER BY key", ["WEB-1", "WEB-4"]),
        ("labels = q4 AND NOT (type = Epic OR status = Done)", ["WEB-2"]),
        ("parent = WEB-1 ORDER BY priority DESC", ["WEB-2", "WEB-3"]),
        ("resolution = Unresolved AND duedate < 2026-12-31", ["WEB-2"]),
        ("project = WEB AND created > '2026-01-06 00:00'", ["WEB-4"]),
        ("key in (WEB-1, HR-1)", ["WEB-1"]),
    ],
)
def test_jql_selects_and_orders(reading: JIRA, query: str, keys: list[str]) -> None:
    assert [each.key for each in reading.search_issues(query)] == keys


def test_a_search_is_paged_by_token_to_its_end(reading: JIRA) -> None:
    every = reading.search_issues("project = OPS ORDER BY key ASC", maxResults=0, fields="summary")
    assert [each.key for each in every] == [f"OPS-{number}" for number in range(1, 231)]


def test_without_fields_only_ids_come(unchanged: Any) -> None:
    answer = unchanged.provider("atlassian", "GET", f"/ex/jira/{CLOUD}/rest/api/3/search/jql?jql=project%20%3D%20WEB")
    assert all(each.keys() == {"id", "key", "self"} for each in answer.json()["issues"])
    assert "total" not in answer.json()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Unbounded JQL"),
        ("ORDER BY created", "Unbounded JQL"),
        ("project = ", "Error in the JQL Query"),
        ("project = HR", "The value 'HR' does not exist for the field 'project'"),
        ("sprint = 3", "Field 'sprint' does not exist"),
        ("project = WEB assignee = x", "expecting either 'OR' or 'AND'"),
    ],
)
def test_jql_that_cannot_be_is_refused(reading: JIRA, query: str, said: str) -> None:
    status, text = refusal(reading.search_issues, query)
    assert status == 400
    assert said in text


def test_an_issue_is_read_with_what_belongs_to_it(reading: JIRA) -> None:
    issue = reading.issue("WEB-2")

    assert issue.fields.description.startswith("Steps:\n# put two")
    assert (issue.fields.status.name, issue.fields.priority.name) == ("In Progress", "High")
    assert issue.fields.parent.key == "WEB-1"
    assert [each.body for each in reading.comments("WEB-2")] == [
        "Happens in every browser.",
        "Found it, see {{cart.js}}.",
    ]
    assert {each.key for each in reading.issue("WEB-1").fields.subtasks} == {"WEB-2", "WEB-3"}


def test_projects_and_people_are_listed(reading: JIRA) -> None:
    assert {each.key for each in reading.projects()} == {"WEB", "OPS"}
    assert {each.name for each in reading.project("WEB").issueTypes} == {"Epic", "Task", "Bug", "Subtask"}
    assert [each.accountId for each in reading.search_users(query="bob@")] == [BOB]


def test_an_issue_is_made_changed_moved_and_discussed(jira: JIRA) -> None:
    made = jira.create_issue(
        project={"key": "WEB"}, issuetype={"name": "Task"}, summary="New", description="As *wiki*", labels=["a"]
    )
    made.update(fields={"assignee": {"id": BOB}, "priority": {"name": "Low"}}, notify=False)
    jira.add_comment(made.key, "First")
    names = {each["name"]: each["id"] for each in jira.transitions(made.key)}
    jira.transition_issue(made.key, names["Start"])
    jira.transition_issue(made.key, "Finish", comment="Last")
    read = jira.issue(made.key)

    assert names.keys() == {"Start"}
    assert made.key == "WEB-5"
    assert (read.fields.status.name, read.fields.resolution.name, read.fields.assignee.accountId) == (
        "Done",
        "Done",
        BOB,
    )
    assert [each.body for each in jira.comments(made.key)] == ["First", "Last"]
    assert [each.key for each in jira.search_issues("summary ~ new AND status = Done")] == ["WEB-5"]


def test_version_3_has_documents_for_texts(sandbox: Any) -> None:
    jira = client(sandbox, version="3")
    document = {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Hi"}]}],
    }
    made = jira.create_issue(
        project={"key": "WEB"}, issuetype={"name": "Task"}, summary="x", description=document, prefetch=False
    )

    assert jira.issue(made.key).raw["fields"]["description"] == document
    assert client(sandbox).issue(made.key).fields.description == "Hi"
    _, text = refusal(
        jira.create_issue, project={"key": "WEB"}, issuetype={"name": "Task"}, summary="x", description="plain"
    )
    assert "Atlassian Document" in text


def test_refusals_are_jiras_own(jira: JIRA) -> None:
    assert refusal(jira.issue, "HR-1")[0] == 404
    assert "permission to see it" in refusal(jira.issue, "WEB-99")[1]
    _, wrong = refusal(jira.create_issue, project={"key": "WEB"}, issuetype={"name": "Task"}, summary="")
    assert "You must specify a summary of the issue." in wrong
    assert refusal(jira.create_issue, project={"key": "HR"}, issuetype={"name": "Task"}, summary="x")[0] == 400
    assert "not valid here" in refusal(jira.transition_issue, "WEB-1", "21")[1]


def test_a_missing_scope_is_refused_before_jira(unchanged: Any) -> None:
    status, text = refusal(client(unchanged, "user_bob").add_comment, "WEB-1", "x")
    assert status == 401
    assert "scope does not match" in text


def test_another_site_is_not_reached(unchanged: Any) -> None:
    assert refusal(client, unchanged, cloud="00000000-0000-4000-8000-000000000000")[0] == 404


def test_a_connection_tells_its_sites(unchanged: Any) -> None:
    (site,) = unchanged.provider("atlassian", "GET", "/oauth/token/accessible-resources").json()
    assert (site["id"], site["url"]) == (CLOUD, "https://acme.atlassian.net")
