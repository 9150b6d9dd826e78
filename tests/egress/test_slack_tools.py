"""Slack's tools against the sandbox."""

from typing import Any
from urllib.parse import parse_qs

import pytest

from data_files import lines
from egress_support import World, data, granted, told
from pipes_api.grant import GrantedBinding
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Connection
from pipes_egress.call import ToolResult

pytestmark = pytest.mark.asyncio(loop_scope="module")

GENERAL, SALES, BOARD = "C0GENERAL01", "C0SALES0002", "C0BOARD0005"
TALK = "1795510800.000200"


def of_bob() -> GrantedBinding:
    """A bot's connection, with few scopes."""
    return granted("slack", connection=Connection(user_id="user_bob"), account="data_installation_slack_bob")


async def slack(world: World, tool: str, **arguments: Any) -> ToolResult:
    return await world.call("slack", tool, arguments)


async def rows(world: World, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(await slack(world, tool, **arguments))["rows"]
    return found


async def test_a_search_gives_what_the_other_tools_take(world: World) -> None:
    (hit,) = await rows(world, "search_messages", query="agreement from:bob")

    assert hit["channel"] == {"id": SALES, "name": "sales"}
    assert hit["permalink"].startswith("https://acme.slack.com/")
    thread = await rows(world, "read_thread", channel=hit["channel"]["id"], ts=hit["ts"])
    assert [each["text"] for each in thread] == [hit["text"]]


async def test_a_search_goes_on_over_pages_until_there_is_enough(world: World) -> None:
    result = await slack(world, "search_messages", query="pipeline", maxRows=150)
    found = data(result)

    assert (len(found["rows"]), found["total"]) == (150, 230)
    assert len({each["ts"] for each in found["rows"]}) == 150
    assert "Narrow the search" in told(result)
    pages = [parse_qs(call["query"]).get("page") for call in await world.sandbox.calls(service="slack")]
    assert pages == [None, ["2"]]


async def test_channels_of_several_kinds_are_listed(world: World) -> None:
    public = await rows(world, "list_channels")
    every = await rows(world, "list_channels", types=["public_channel", "private_channel", "im"], includeArchived=True)

    assert [each["name"] for each in public] == ["general", "sales", "support"]
    assert public[0]["purpose"] == {"value": "What everyone should know"}
    assert {"finance-private", "old-project"} <= {each.get("name") for each in every}
    assert BOARD not in {each["id"] for each in every}


async def test_a_channel_is_read_over_pages_newest_first(world: World) -> None:
    said = await rows(world, "read_channel", channel=GENERAL, maxRows=500)
    cut = await slack(world, "read_channel", channel=GENERAL, maxRows=3)

    assert len(said) == 233
    assert said == sorted(said, key=lambda each: str(each["ts"]), reverse=True)
    assert "before" in told(cut)
    older = await rows(world, "read_channel", channel=GENERAL, before=data(cut)["rows"][-1]["ts"], maxRows=1)
    assert older[0]["ts"] == said[3]["ts"]


async def test_a_thread_is_read_in_order(world: World) -> None:
    thread = await rows(world, "read_thread", channel=GENERAL, ts=TALK)

    assert len(thread) == 4
    assert thread[0]["reply_count"] == 3
    assert "type" not in thread[0]


async def test_people_are_listed_and_found(world: World) -> None:
    people = await rows(world, "list_users")
    by_id = data(await slack(world, "find_user", user="U0BOB000002"))
    by_address = data(await slack(world, "find_user", email="bob@acme.example"))

    assert len(people) == 5
    assert by_id == by_address
    assert by_id["profile"]["title"] == "Support Engineer"


async def test_a_person_is_found_by_one_thing(world: World) -> None:
    assert (await slack(world, "find_user")).is_error
    assert (await slack(world, "find_user", user="U0BOB000002", email="bob@acme.example")).is_error
    assert await world.sandbox.calls(service="slack") == []


async def test_what_is_said_changed_and_reacted_to_is_read_back(world: World) -> None:
    made = await slack(world, "post_message", channel=SALES, text="R&amp;D <https://acme.example|signed>")
    message = data(made)
    reply = data(await slack(world, "post_message", channel=SALES, text="By both", threadTs=message["ts"]))
    await slack(world, "update_message", channel=SALES, ts=message["ts"], text="Signed & sealed + 100%")
    reacted = await slack(world, "add_reaction", channel=SALES, ts=message["ts"], name="tada")
    thread = await rows(world, "read_thread", channel=SALES, ts=message["ts"])

    assert made.access is Access.WRITE
    assert "tada" in told(reacted)
    assert [each["ts"] for each in thread] == [message["ts"], reply["ts"]]
    assert thread[0]["text"] == "Signed & sealed + 100%"
    assert thread[0]["reactions"][0]["name"] == "tada"
    again = await slack(world, "add_reaction", channel=SALES, ts=message["ts"], name="tada")
    assert "already there" in told(again)


async def test_a_conversation_is_opened_and_used(world: World) -> None:
    channel = data(await slack(world, "open_conversation", users=["U0CAROL0003"]))["channel"]["id"]
    await slack(world, "post_message", channel=channel, text="Hello")

    assert [each["text"] for each in await rows(world, "read_channel", channel=channel)] == ["Hello"]


async def test_a_reply_is_shown_in_the_channel_only_with_a_thread(world: World) -> None:
    assert (await slack(world, "post_message", channel=SALES, text="x", replyBroadcast=True)).is_error


async def test_a_missing_scope_is_refused_before_the_call(world: World) -> None:
    result = await world.call("slack", "search_messages", {"query": "x"}, granted=of_bob())

    assert result.denial is not None
    assert result.denial.reason is Reason.SCOPE_MISSING
    assert "search:read" in result.denial.message
    assert await world.sandbox.calls(service="slack") == []


async def test_a_scope_that_only_slack_misses_is_named(world: World) -> None:
    result = await world.call("slack", "list_channels", {"types": ["private_channel"]}, granted=of_bob())

    assert result.is_error
    assert "groups:read" in told(result)
    assert "channels:read" not in told(result)


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("read_channel", {"channel": BOARD}, "not found in Slack, or not visible to this connection"),
        ("post_message", {"channel": "C0SUPPORT03", "text": "x"}, "has to invite"),
        ("post_message", {"channel": "C0OLD000006", "text": "x"}, "archived"),
        ("update_message", {"channel": GENERAL, "ts": "1795597200.000600", "text": "x"}, "is not allowed to do this"),
    ],
)
async def test_errors_inside_a_200_are_sentences(
    world: World, tool: str, arguments: dict[str, Any], sentence: str
) -> None:
    result = await slack(world, tool, **arguments)

    assert result.is_error
    assert sentence in told(result)


async def test_a_credential_refused_inside_a_200_is_renewed_once(world: World) -> None:
    await rows(world, "list_users")
    await world.sandbox.end_tokens(provider="slack", revoke=True)

    assert len(await rows(world, "list_users")) == 5


async def test_a_post_without_an_answer_is_not_sent_again(world: World) -> None:
    await world.sandbox.fault(match={"path": "/api/chat.postMessage"}, stage="after", effect="reset")
    result = await slack(world, "post_message", channel=SALES, text="Once only")
    await world.sandbox.clear()

    assert "not known" in told(result)
    assert [each["text"] for each in await rows(world, "read_channel", channel=SALES)].count("Once only") == 1


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
async def test_no_channel_reaches_another_endpoint(world: World, value: str) -> None:
    result = await slack(world, "read_channel", channel=value)

    assert result.is_error
    assert await world.sandbox.calls(service="slack") == []
