"""slack_sdk, pointed at the sandbox, reads a workspace and says something in it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

GENERAL, SALES, FINANCE, BOARD, OLD = "C0GENERAL01", "C0SALES0002", "C0FINANCE04", "C0BOARD0005", "C0OLD000006"
ALICE, BOB, CAROL = "U0ALICE0001", "U0BOB000002", "U0CAROL0003"
TALK = "1795510800.000200"
"""A message in general that a thread hangs on."""


def client(sandbox: Any, user: str = "user_alice") -> WebClient:
    return WebClient(token=sandbox.token("slack", user), base_url=f"{sandbox.url}/api/")


@pytest.fixture
def slack(sandbox: Any) -> WebClient:
    return client(sandbox)


@pytest.fixture
def reading(unchanged: Any) -> WebClient:
    return client(unchanged)


def refusal(call: Any, **arguments: Any) -> Any:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    assert caught.value.response.status_code == 200
    return caught.value.response.data


def ids(channels: list[dict[str, Any]]) -> set[str]:
    return {each["id"] for each in channels}


def test_the_token_tells_who_it_is_for(reading: WebClient) -> None:
    answer = reading.auth_test()
    assert (answer["user_id"], answer["team"]) == (ALICE, "Acme")


def test_only_conversations_that_the_person_may_know_of_are_listed(reading: WebClient) -> None:
    every = ids(reading.conversations_list(types="public_channel,private_channel,im")["channels"])
    assert {GENERAL, SALES, FINANCE, OLD, "D0ALICEBOB7", "C0SUPPORT03"} == every
    assert OLD not in ids(reading.conversations_list(exclude_archived=True)["channels"])


def test_history_is_paged_by_cursor_to_its_end(reading: WebClient) -> None:
    pages = [page["messages"] for page in reading.conversations_history(channel=GENERAL, limit=100)]
    said = [each["ts"] for page in pages for each in page]

    assert [len(page) for page in pages] == [100, 100, 33]
    assert said == sorted(said, reverse=True)
    assert len(set(said)) == len(said) == 233


def test_history_can_be_narrowed_by_time(reading: WebClient) -> None:
    after = reading.conversations_history(channel=GENERAL, oldest=TALK)["messages"]
    inclusive = reading.conversations_history(channel=GENERAL, oldest=TALK, inclusive=True)["messages"]
    before = reading.conversations_history(channel=GENERAL, latest="1790000001")["messages"]

    assert [each["ts"] for each in after] == ["1795597200.000600"]
    assert [each["ts"] for each in inclusive] == ["1795597200.000600", TALK]
    assert len(before) == 1


def test_a_thread_is_read_oldest_first_and_kept_out_of_the_history(reading: WebClient) -> None:
    thread = reading.conversations_replies(channel=GENERAL, ts=TALK)["messages"]
    history = {each["ts"]: each for each in reading.conversations_history(channel=GENERAL)["messages"]}

    assert [each["user"] for each in thread] == [ALICE, BOB, ALICE, CAROL]
    assert history[TALK]["reply_count"] == 3
    assert thread[1]["ts"] not in history


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("renewal", 1),
        ("o'brien agreement", 2),
        ('"send the agreement"', 1),
        ("agreement -renewal", 1),
        ("agreement from:bob", 1),
        ("in:sales", 2),
        ("in:general from:me before:2026-11-01 pipeline", 77),
        ("budget", 2),
        ("nobody else", 0),
        ("on:2026-11-24 has:link", 1),
    ],
)
def test_search_understands_what_slacks_own_box_does(reading: WebClient, query: str, count: int) -> None:
    found = reading.search_messages(query=query, count=100)["messages"]
    assert found["total"] == len(found["matches"]) == count


def test_search_is_paged_by_number(reading: WebClient) -> None:
    first = reading.search_messages(query="pipeline", count=100)["messages"]
    third = reading.search_messages(query="pipeline", count=100, page=3)["messages"]
    assert first["paging"] == {"count": 100, "total": 230, "page": 1, "pages": 3}
    assert len(third["matches"]) == 30
    assert first["matches"][0]["permalink"].startswith(f"https://acme.slack.com/archives/{GENERAL}/p179")


def test_people_are_found_by_id_and_address(reading: WebClient) -> None:
    assert reading.users_info(user=BOB)["user"]["profile"]["email"] == "bob@acme.example"
    assert reading.users_lookupByEmail(email="carol@acme.example")["user"]["id"] == CAROL
    assert [each["name"] for page in reading.users_list(limit=2) for each in page["members"]] == [
        "alice",
        "bob",
        "carol",
        "dave",
        "helper",
    ]


def test_what_is_said_is_read_next(slack: WebClient) -> None:
    said = slack.chat_postMessage(channel=SALES, text="Signed!")
    reply = slack.chat_postMessage(channel=SALES, text="By both.", thread_ts=said["ts"])
    slack.chat_update(channel=SALES, ts=said["ts"], text="Signed and sealed!")
    slack.reactions_add(channel=SALES, timestamp=said["ts"], name="tada")

    newest = slack.conversations_history(channel=SALES, limit=1)["messages"][0]
    assert (newest["text"], newest["reply_count"]) == ("Signed and sealed!", 1)
    assert newest["edited"]["user"] == ALICE
    assert newest["reactions"] == [{"name": "tada", "users": [ALICE], "count": 1}]
    assert slack.conversations_replies(channel=SALES, ts=said["ts"])["messages"][1]["ts"] == reply["ts"]
    assert slack.search_messages(query="sealed")["messages"]["total"] == 1
    assert slack.chat_getPermalink(channel=SALES, message_ts=said["ts"])["permalink"].endswith(
        said["ts"].replace(".", "")
    )


def test_a_direct_message_is_opened_once(slack: WebClient) -> None:
    first = slack.conversations_open(users=[CAROL], return_im=True)
    again = slack.conversations_open(users=CAROL)
    group = slack.conversations_open(users=f"{BOB},{CAROL}")

    assert first["channel"]["is_im"]
    assert again["channel"]["id"] == first["channel"]["id"]
    assert again["already_open"]
    assert group["channel"]["id"] != first["channel"]["id"]
    slack.chat_postMessage(channel=first["channel"]["id"], text="Hello Carol")
    assert slack.conversations_history(channel=first["channel"]["id"])["messages"][0]["text"] == "Hello Carol"


def test_a_message_can_wait_for_its_time(slack: WebClient) -> None:
    at = int(time.time()) + 3600
    made = slack.chat_scheduleMessage(channel=SALES, post_at=at, text="Later")
    (waiting,) = slack.chat_scheduledMessages_list()["scheduled_messages"]
    assert waiting == {"id": made["scheduled_message_id"], "channel_id": SALES, "post_at": at, "text": "Later"}
    assert refusal(slack.chat_scheduleMessage, channel=SALES, post_at=1, text="x")["error"] == "time_in_past"


def test_refusals_are_slacks_own(slack: WebClient) -> None:
    assert refusal(slack.conversations_history, channel=BOARD)["error"] == "channel_not_found"
    assert refusal(slack.conversations_history, channel=GENERAL, cursor="x")["error"] == "invalid_cursor"
    assert refusal(slack.conversations_replies, channel=GENERAL, ts="1.0")["error"] == "thread_not_found"
    assert refusal(slack.chat_postMessage, channel=OLD, text="x")["error"] == "is_archived"
    assert refusal(slack.chat_postMessage, channel="C0SUPPORT03", text="x")["error"] == "not_in_channel"
    assert (
        refusal(slack.api_call, api_method="chat.postMessage", json={"channel": SALES, "text": " "})["error"]
        == "no_text"
    )
    assert refusal(slack.chat_update, channel=GENERAL, ts="1795597200.000600", text="x")["error"] == (
        "cant_update_message"
    )
    assert refusal(slack.users_lookupByEmail, email="dave@acme.example")["error"] == "users_not_found"
    assert refusal(slack.api_call, api_method="chat.explode")["error"] == "unknown_method"


def test_a_missing_scope_is_named(unchanged: Any) -> None:
    bot = client(unchanged, "user_bob")
    refused = refusal(bot.conversations_list, types="private_channel")
    assert (refused["error"], refused["needed"]) == ("missing_scope", "groups:read")
    assert "channels:read" in refused["provided"]
    assert refusal(bot.search_messages, query="x")["error"] == "not_allowed_token_type"
    assert refusal(bot.conversations_history, channel=SALES)["error"] == "not_in_channel"
    assert "email" not in bot.users_info(user=ALICE)["user"]["profile"]


def test_ended_and_foreign_tokens_are_told_apart(sandbox: Any) -> None:
    service = client(sandbox)
    sandbox.admin("POST", "/tokens/end", {"provider": "slack"})
    assert refusal(service.auth_test)["error"] == "token_expired"
    again = client(sandbox)
    sandbox.admin("POST", "/tokens/end", {"provider": "slack", "revoke": True})
    assert refusal(again.auth_test)["error"] == "token_revoked"
    foreign = WebClient(token=sandbox.token("google-drive"), base_url=f"{sandbox.url}/api/")
    assert refusal(foreign.auth_test)["error"] == "invalid_auth"
