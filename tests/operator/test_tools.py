"""Tools, restrictions and exact calls with the whole operator at work: what a person is told, and what is kept."""

import json
from typing import Any

import pytest

pytestmark = pytest.mark.apiserver

ALICE, MERGE = "alice@example.com", "application/merge-patch+json"
READS = "SELECT 1"
CUSTOM: dict[str, Any] = {
    "name": "whoami",
    "title": "Who am I",
    "description": "The current user.",
    "access": "Read",
    "inputSchema": {"type": "object", "additionalProperties": False, "properties": {}},
    "request": {"method": "GET", "path": "/api/v2/users/me"},
}


def condition(body, kind):
    found = [each for each in body.get("status", {}).get("conditions", ()) if each["type"] == kind]
    return found[0] if found else {"status": "", "reason": "", "message": ""}


def change(team, **spec: Any) -> None:
    status, said = team.call("PATCH", "providerbindings/snowflake", {"spec": spec}, user=ALICE, content_type=MERGE)
    assert status == 200, said


def not_ready(team, words: str) -> str:
    body = team.binding_until("snowflake", lambda each: words in condition(each, "Ready")["message"])
    assert condition(body, "Ready")["status"] == "False"
    return condition(body, "Ready")["message"]


def test_a_restriction_that_could_let_something_through_keeps_the_binding_from_being_asked_for(team):
    change(team, restrict={"snowflake_query": {"properties": {"databse": {"const": "SALES"}}}})

    message = not_ready(team, "spec.restrict.snowflake_query.properties.databse: there is no argument 'databse' here")

    assert "database" in message
    team.ask()
    assert "spec.restrict.snowflake_query" in team.state("s1", "Pending")["status"]["message"]


def test_a_restriction_is_shown_granted_and_part_of_the_hash(team):
    team.ask("before", bindings=[{"name": "snowflake", "tools": ["query"]}])
    before = team.state("before", "AwaitingApproval")["status"]["grantHash"]
    restriction = {"properties": {"database": {"const": "SALES"}}, "required": ["database"]}

    change(team, restrict={"query": restriction}, limits={"tools": {"query": {"maxCalls": 3}}})

    shown = team.session_until("before", lambda each: each["status"].get("grantHash") not in (None, before))["status"]
    assert "snowflake_query only with database = SALES." in shown["summary"]
    assert "At most 3 calls of snowflake_query." in shown["summary"]
    (granted,) = shown["grant"]["bindings"]
    assert granted["restrict"] == {"snowflake_query": restriction}
    assert granted["limits"] == {"snowflake_query": {"maxCalls": 3}}
    stale = team.patch("before", {"spec": {"approval": {"decision": "Approved", "grantHash": before}}}, expect=422)
    assert "must repeat status.grantHash" in stale["message"]


def test_an_exact_call_is_shown_whole_and_becomes_active(team):
    arguments = json.dumps({"statement": f"{READS} -- {'x' * 3000}"}, separators=(",", ":"))
    call = {"tool": "snowflake_query", "arguments": arguments}
    team.ask(bindings=[{"name": "snowflake", "access": "Write", "calls": [call]}])

    shown = team.state("s1", "AwaitingApproval")["status"]

    assert f"1. snowflake_query {arguments}" in shown["summary"]
    team.approve()
    (granted,) = team.state("s1", "Active")["status"]["grant"]["bindings"]
    assert granted["calls"] == [call]
    assert list(granted["tools"]) == ["snowflake_query"]


def test_an_exact_call_that_is_not_canonical_cannot_be_approved(team):
    call = {"tool": "snowflake_query", "arguments": '{"statement": "SELECT 1"}'}
    team.ask(bindings=[{"name": "snowflake", "calls": [call]}])

    pending = team.state("s1", "Pending")

    assert 'write: {"statement":"SELECT 1"}' in pending["status"]["message"]
    refused = team.patch("s1", {"spec": {"approval": {"decision": "Approved"}}}, expect=422)
    assert "only a session that awaits approval can be decided" in refused["message"]


def test_a_custom_tool_that_changes_is_told_and_its_old_definition_is_kept(team, bed):
    change(team, tools={"custom": [CUSTOM]})
    team.binding_until("snowflake", lambda each: "snowflake_whoami" in each["status"].get("tools", ()))
    active = team.active(bindings=[{"name": "snowflake"}])
    digest = active["status"]["grant"]["bindings"][0]["tools"]["snowflake_whoami"]
    assert digest in kept(bed)

    change(team, tools={"custom": [{**CUSTOM, "description": "Something else."}]})

    changed = team.session_until("s1", lambda each: condition(each, "ToolsUnchanged")["status"] == "False")
    assert "snowflake_whoami" in condition(changed, "ToolsUnchanged")["message"]
    assert "snowflake_query" not in condition(changed, "ToolsUnchanged")["message"]
    assert changed["status"]["state"] == "Active"
    assert digest in kept(bed)


def kept(bed) -> set[str]:
    _, listed = bed.cluster.request("GET", "/api/v1/namespaces/pipes-system/configmaps")
    maps = [each for each in listed["items"] if each["metadata"]["name"].startswith("pipes-catalog-")]
    return {digest for each in maps for digest in json.loads(each["data"]["definitions.json"])}


def test_a_custom_tool_that_breaks_a_rule_is_told_with_its_place(team):
    change(team, tools={"custom": [{**CUSTOM, "request": {"method": "GET", "path": "/v1/{who}"}}]})

    not_ready(team, "spec.tools.custom[0].request.path: ")


def test_the_relay_is_refused_where_the_installation_does_not_use_it(bed, operator):
    team = bed.team()
    team.bind(credential="Relay")

    not_ready(team, "spec.credential: Relay is early access")


def test_a_host_that_is_nobodys_is_no_hosted_server(bed, operator):
    team = bed.team()
    team.bind(tools={"mcp": {"url": "https://127.0.0.1.nip.io/mcp", "discover": True}})

    not_ready(team, "spec.tools.mcp.url: 127.0.0.1.nip.io is no host of snowflake's catalog")
