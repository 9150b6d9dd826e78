"""Jira's tools against the sandbox."""

from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from data_files import lines
from egress_support import World, data, told
from pipes_api.reasons import Reason

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOUD = "1324a887-45db-4bf4-8e99-ef0ff456d421"
ALICE, SCOPES = "data_installation_atlassian_alice", ["read:jira-user", "read:jira-work", "write:jira-work"]
BOB = "712020:b0b00000-0000-4000-8000-000000000002"


async def rows(world: World, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(await world.call("atlassian", tool, arguments))["rows"]
    return found


async def test_issues_are_found_by_jql_on_the_connections_own_site(world: World) -> None:
    (found,) = await rows(world, "search_issues", jql="project = WEB AND assignee = currentUser()")
    (call,) = await world.sandbox.calls(service="atlassian")

    assert found["key"] == "WEB-2"
    assert found["fields"]["status"] == {"name": "In Progress", "statusCategory": {"name": "In Progress"}}
    assert found["fields"]["labels"] == ["checkout", "q4"]
    assert call["path"] == f"/ex/jira/{CLOUD}/rest/api/3/search/jql"


async def test_a_search_is_paged_by_token_within_what_is_wanted(world: World) -> None:
    every = await rows(world, "search_issues", jql="project = OPS", maxRows=500)
    some = await world.call("atlassian", "search_issues", {"jql": "project = OPS", "maxRows": 120})
    calls = await world.sandbox.calls(service="atlassian")

    assert len({each["key"] for each in every}) == 230
    assert len(data(some)["rows"]) == 120
    assert "there are more. Narrow the query" in told(some)
    assert ["nextPageToken" in parse_qs(call["query"]) for call in calls] == [False, True, True, False, True]


async def test_a_token_that_goes_on_behind_the_end_is_not_followed(world: World) -> None:
    await world.sandbox.fault(match={"service": "atlassian"}, status=200, body={"issues": [], "nextPageToken": "more"})
    assert await rows(world, "search_issues", jql="project = OPS") == []
    assert len(await world.sandbox.calls(service="atlassian")) == 1


async def test_an_issue_is_read_as_text(world: World) -> None:
    issue = data(await world.call("atlassian", "get_issue", {"issue": "WEB-2"}))
    (call,) = await world.sandbox.calls(service="atlassian")

    assert issue["fields"]["description"].startswith("Steps:\n# put two anvils in")
    assert issue["fields"]["parent"] == {"key": "WEB-1"}
    assert "emailAddress" not in str(issue)
    assert parse_qs(call["query"])["updateHistory"] == ["false"]


async def test_what_an_issue_takes_is_found(world: World) -> None:
    assert [each["key"] for each in await rows(world, "list_projects", words="web")] == ["WEB"]
    assert {each["key"] for each in await rows(world, "list_projects")} == {"WEB", "OPS"}
    project = data(await world.call("atlassian", "get_project", {"project": "WEB"}))
    assert {each["name"] for each in project["issueTypes"]} == {"Epic", "Task", "Bug", "Subtask"}
    assert [each["accountId"] for each in await rows(world, "find_users", project="WEB", words="bob")] == [BOB]


async def test_an_issue_is_made_changed_moved_and_discussed(world: World) -> None:
    fields = {"project": "WEB", "issueType": "Task", "summary": "New", "description": "As *wiki*", "assignee": BOB}
    made = data(await world.call("atlassian", "create_issue", {**fields, "parent": "WEB-1", "dueDate": "2026-12-24"}))
    where = {"issue": made["key"]}
    changed = await world.call(
        "atlassian", "update_issue", {**where, "assignee": None, "dueDate": None, "priority": "Low"}
    )
    (start,) = await rows(world, "list_transitions", **where)
    await world.call("atlassian", "transition_issue", {**where, "transitionId": start["id"], "comment": "On it"})
    await world.call("atlassian", "add_comment", {**where, "body": "Nearly"})
    read = data(await world.call("atlassian", "get_issue", where))["fields"]

    assert told(changed).startswith("The issue was changed.")
    assert start["to"] == {"name": "In Progress", "statusCategory": {"name": "In Progress"}}
    assert (read["status"]["name"], read["priority"]["name"], read["parent"]["key"]) == ("In Progress", "Low", "WEB-1")
    assert not read.get("assignee")
    assert read.get("duedate") is None
    assert [each["body"] for each in await rows(world, "list_comments", **where)] == ["Nearly", "On it"]


async def test_only_what_is_given_is_changed(world: World) -> None:
    await world.call("atlassian", "update_issue", {"issue": "WEB-3", "summary": "Write it", "notify": False})

    (call,) = await world.sandbox.calls(service="atlassian")
    assert msgspec.json.decode(call["body"]) == {"fields": {"summary": "Write it"}}
    assert call["query"] == "notifyUsers=false"


async def test_what_is_wrong_with_a_field_is_told(world: World) -> None:
    fields = {"project": "WEB", "issueType": "Subtask", "summary": "x", "priority": "Utmost"}
    result = await world.call("atlassian", "create_issue", fields)

    assert result.is_error
    assert "priority: The priority selected is invalid." in told(result)


async def test_jql_that_cannot_be_is_told_in_jiras_words(world: World) -> None:
    result = await world.call("atlassian", "search_issues", {"jql": "project = HR"})

    assert result.is_error
    assert "The value 'HR' does not exist for the field 'project'" in told(result)


async def test_what_is_not_there_is_perhaps_only_not_visible(world: World) -> None:
    result = await world.call("atlassian", "get_issue", {"issue": "HR-1"})

    assert result.is_error
    assert "not visible to this connection" in told(result)


async def test_a_write_without_its_scope_is_refused_before_it_is_sent(world: World) -> None:
    await world.sandbox.change_account(ALICE, scopes=["read:jira-work"])
    refused = await world.call("atlassian", "add_comment", {"issue": "WEB-1", "body": "x"})
    people = await world.call("atlassian", "find_users", {"project": "WEB"})
    calls = await world.sandbox.calls(service="atlassian")
    await world.sandbox.change_account(ALICE, scopes=SCOPES)

    assert refused.denial is not None
    assert refused.denial.reason is Reason.SCOPE_MISSING
    assert "write:jira-work" in refused.denial.message
    assert people.denial is not None
    assert "read:jira-user" in people.denial.message
    assert calls == []


async def test_a_scope_that_atlassian_misses_is_told_as_that(world: World) -> None:
    body = {"code": 401, "message": "Unauthorized; scope does not match"}
    await world.sandbox.fault(match={"service": "atlassian"}, status=401, body=body)
    result = await world.call("atlassian", "get_issue", {"issue": "WEB-1"})

    assert result.is_error
    assert "lacks a scope" in told(result)
    assert len(await world.sandbox.calls(service="atlassian")) == 1


async def test_a_site_that_is_no_id_is_refused(world: World) -> None:
    await world.sandbox.change_account(ALICE, config={"cloud_id": "../../admin"})
    result = await world.call("atlassian", "get_issue", {"issue": "WEB-1"})
    calls = await world.sandbox.calls(service="atlassian")
    await world.sandbox.change_account(ALICE, config={"cloud_id": CLOUD})

    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE
    assert calls == []


async def test_a_connection_that_does_not_tell_its_site_says_where_to_name_it(world: World) -> None:
    await world.sandbox.change_account(ALICE, config={})
    result = await world.call("atlassian", "get_issue", {"issue": "WEB-1"})
    await world.sandbox.change_account(ALICE, config={"cloud_id": CLOUD})

    assert result.denial is not None
    assert "endpoint.cloudId" in result.denial.message


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
async def test_no_key_reaches_another_endpoint(world: World, value: str) -> None:
    assert (await world.call("atlassian", "get_issue", {"issue": value})).is_error
    assert (await world.call("atlassian", "get_project", {"project": value})).is_error
    assert await world.sandbox.calls(service="atlassian") == []
