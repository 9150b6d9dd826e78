"""Linear's tools against the sandbox."""

from typing import Any

import msgspec
import pytest

from egress_support import World, data, granted, told
from pipes_api.reasons import Reason
from pipes_api.resources import Connection

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE = "data_installation_linear_alice"


async def rows(world: World, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(await world.call("linear", tool, arguments))["rows"]
    return found


async def sent(world: World) -> list[dict[str, Any]]:
    return [msgspec.json.decode(call["body"]) for call in await world.sandbox.calls(service="linear")]


async def test_issues_are_found_by_words(world: World) -> None:
    answer = data(await world.call("linear", "search_issues", {"words": "floor"}))

    assert {each["identifier"] for each in answer["rows"]} == {"ENG-1", "OPS-1"}
    assert answer["totalCount"] == 2
    assert [each["identifier"] for each in await rows(world, "search_issues", words="reports", comments=True)] == [
        "ENG-1"
    ]


@pytest.mark.parametrize(
    ("arguments", "identifiers"),
    [
        ({"team": "ENG"}, {"ENG-1", "ENG-2", "ENG-3"}),
        ({"mine": True}, {"ENG-1"}),
        ({"assignee": "bob@acme.example", "stateTypes": ["completed"]}, {"ENG-3"}),
        ({"label": "Feature"}, {"ENG-2"}),
        ({"priority": 2}, {"OPS-1"}),
        ({"team": "HR"}, set()),
    ],
)
async def test_issues_are_listed_by_what_is_given_and_nothing_else(
    world: World, arguments: dict[str, Any], identifiers: set[str]
) -> None:
    assert {each["identifier"] for each in await rows(world, "list_issues", **arguments)} == identifiers
    (request,) = await sent(world)
    assert len(request["variables"]["filter"]) == len(arguments)
    assert request.keys() == {"query", "variables", "operationName"}


async def test_all_issues_are_paged_within_what_is_wanted(world: World) -> None:
    every = await rows(world, "list_issues", team="OPS", maxRows=500)
    some = await world.call("linear", "list_issues", {"team": "OPS", "maxRows": 70})
    cursors = [each["variables"].get("after") for each in await sent(world)]

    assert len({each["id"] for each in every}) == 121
    assert len(data(some)["rows"]) == 70
    assert "there are more. Narrow it by team" in told(some)
    assert cursors == [None, every[49]["id"], every[99]["id"], None, every[49]["id"]]


async def test_an_issue_is_read_whole(world: World) -> None:
    issue = data(await world.call("linear", "get_issue", {"issue": "ENG-1"}))

    assert issue["description"].startswith("Customers report cracks.")
    assert [each["name"] for each in issue["labels"]["nodes"]] == ["Bug", "Customer"]
    assert {each["user"]["name"] for each in issue["comments"]["nodes"]} == {"Alice Archer", "Bob Baker"}


async def test_what_is_not_there_is_perhaps_only_not_visible(world: World) -> None:
    result = await world.call("linear", "get_issue", {"issue": "HR-1"})

    assert result.is_error
    assert "not visible to this connection" in told(result)
    assert "Could not find referenced Issue." in told(result)


async def test_ids_for_a_new_issue_are_found(world: World) -> None:
    assert {each["key"] for each in await rows(world, "list_teams")} == {"ENG", "OPS"}
    (team,) = await rows(world, "get_team", team="ENG")
    assert [each["type"] for each in team["states"]["nodes"]].count("started") == 1
    assert {each["name"] for each in team["members"]["nodes"]} == {"Alice Archer", "Bob Baker"}
    assert [each["email"] for each in await rows(world, "list_users", name="arch")] == ["alice@acme.example"]
    assert [each["name"] for each in await rows(world, "list_projects", name="launch")] == ["Spring launch"]
    assert len(await rows(world, "list_projects")) == 2
    assert "no team with this key" in told(await world.call("linear", "get_team", {"team": "NOPE"}))


async def test_an_issue_is_made_changed_and_discussed(world: World) -> None:
    (team,) = await rows(world, "get_team", team="ENG")
    labels = {each["name"]: each["id"] for each in team["labels"]["nodes"]}
    done = next(each["id"] for each in team["states"]["nodes"] if each["type"] == "completed")
    me = next(each["id"] for each in await rows(world, "list_users") if each["me"])
    fields = {"teamId": team["id"], "title": "Paint it", "assigneeId": me, "labelIds": [labels["Bug"]], "priority": 0}
    made = data(await world.call("linear", "create_issue", fields))["issue"]
    change = {"issue": made["identifier"], "stateId": done, "assigneeId": None, "addLabelIds": [labels["Feature"]]}
    changed = data(await world.call("linear", "update_issue", {**change, "removeLabelIds": [labels["Bug"]]}))["issue"]
    said = data(await world.call("linear", "add_comment", {"issue": made["identifier"], "body": "Painted."}))
    read = data(await world.call("linear", "get_issue", {"issue": made["id"]}))

    assert made["assignee"]["name"] == "Alice Archer"
    assert (changed["state"]["name"], changed["assignee"]) == ("Done", None)
    assert [each["name"] for each in read["labels"]["nodes"]] == ["Feature"]
    assert read["comments"]["nodes"][0]["id"] == said["comment"]["id"]
    assert said["success"] is True


async def test_braces_in_arguments_stay_what_they_are(world: World) -> None:
    await world.call("linear", "add_comment", {"issue": "ENG-2", "body": "{viewer { id }} {issue}"})

    (request,) = await sent(world)
    assert request["variables"]["input"]["body"] == "{viewer { id }} {issue}"
    assert "viewer" not in request["query"]


async def test_a_write_without_its_scope_is_refused_before_it_is_sent(world: World) -> None:
    await world.sandbox.change_account(ALICE, scopes=["read", "comments:create"])
    refused = await world.call("linear", "update_issue", {"issue": "ENG-1", "title": "x"})
    allowed = await world.call("linear", "add_comment", {"issue": "ENG-2", "body": "With its own scope"})
    calls = await world.sandbox.calls(service="linear")
    await world.sandbox.change_account(ALICE, scopes=["read", "write"])

    assert refused.denial is not None
    assert refused.denial.reason is Reason.SCOPE_MISSING
    assert "write" in refused.denial.message
    assert not allowed.is_error
    assert len(calls) == 1


async def test_a_personal_key_is_sent_bare(world: World) -> None:
    carol = granted("linear", connection=Connection(user_id="user_carol"), account="data_installation_linear_carol")
    issue = data(await world.call("linear", "get_issue", {"issue": "HR-1"}, granted=carol))

    assert issue["title"] == "Salaries of next year"


async def test_an_error_within_a_success_is_an_error(world: World) -> None:
    (team,) = await rows(world, "get_team", team="ENG")
    (other,) = await rows(world, "get_team", team="OPS")
    state = other["states"]["nodes"][0]["id"]
    result = await world.call("linear", "create_issue", {"teamId": team["id"], "title": "x", "stateId": state})

    assert result.is_error
    assert "stateId must be a state of the issue's team" in told(result)


async def test_what_could_be_had_is_shown_with_what_could_not(world: World) -> None:
    answer = {
        "data": {"issue": {"identifier": "ENG-1", "attachments": None}},
        "errors": [{"message": "Timed out", "path": ["issue", "attachments"]}],
    }
    await world.sandbox.fault(match={"service": "linear"}, status=200, body=answer)
    result = await world.call("linear", "get_issue", {"issue": "ENG-1"})

    assert data(result)["identifier"] == "ENG-1"
    assert "issue.attachments" in told(result)
    assert "Timed out" in told(result)


async def test_a_limit_told_with_status_400_is_one(world: World) -> None:
    error = {"message": "Rate limit exceeded", "extensions": {"code": "RATELIMITED"}}
    await world.sandbox.fault(match={"service": "linear"}, status=400, body={"errors": [error]})
    result = await world.call("linear", "add_comment", {"issue": "ENG-1", "body": "x"})

    assert result.is_error
    assert "asks to slow down" in told(result)
    assert len(await world.sandbox.calls(service="linear")) == 1
