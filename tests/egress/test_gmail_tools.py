"""Gmail's tools against the sandbox."""

import base64
from typing import Any

import pytest

from data_files import lines
from egress_support import World, data, granted, told
from pipes_api.reasons import Reason
from pipes_api.resources import Connection

pytestmark = pytest.mark.asyncio(loop_scope="module")

RENEWAL = "19a0000000000001"
MODIFY = "https://www.googleapis.com/auth/gmail.modify"


async def called(world: World, tool: str, **arguments: Any) -> Any:
    return data(await world.call("gmail", tool, arguments))


async def rows(world: World, tool: str, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await called(world, tool, **arguments))["rows"]
    return found


async def as_bob(world: World, tool: str, **arguments: Any) -> Any:
    binding = granted("gmail", connection=Connection(user_id="user_bob"), account="data_installation_gmail_bob")
    return data(await world.call("gmail", tool, arguments, granted=binding))


async def test_a_search_tells_who_what_and_when(world: World) -> None:
    found = await rows(world, "search_messages", query="renewal from:pat")

    assert found == [
        {
            "id": RENEWAL,
            "threadId": RENEWAL,
            "labelIds": ["INBOX", "UNREAD", "IMPORTANT", "Label_1"],
            "snippet": found[0]["snippet"],
            "message": {
                "from": "Pat O'Brien <pat@obrien.example>",
                "to": "alice@acme.example",
                "date": "Fri, 20 Nov 2026 08:30:00 +0000",
                "subject": "Renewal in January",
            },
        }
    ]
    assert await rows(world, "search_messages", query="nothing like that") == []


async def test_a_long_search_reads_no_more_than_is_wanted(world: World) -> None:
    some = await world.call("gmail", "search_messages", {"query": "nightly", "maxRows": 15})
    calls = await world.sandbox.calls(service="gmail")

    assert len(data(some)["rows"]) == 15
    assert "Cut after 15 rows; there are more. Narrow the search" in told(some)
    assert len(calls) == 1 + 15


async def test_labels_narrow_and_are_listed(world: World) -> None:
    labels = {each["name"]: each["id"] for each in await rows(world, "list_labels")}
    found = await rows(world, "search_messages", labelIds=["INBOX", labels["Customers"]])
    spam = await rows(world, "search_messages", labelIds=["SPAM"], includeSpamTrash=True)

    assert [each["id"] for each in found] == [RENEWAL]
    assert [each["message"]["subject"] for each in spam] == ["An inheritance"]


async def test_a_message_is_read_as_text_with_its_attachments(world: World) -> None:
    message = (await called(world, "read_message", id=RENEWAL))["message"]
    table = {"messageId": RENEWAL, "attachmentId": message["attachments"][0]["id"]}
    picture = {"messageId": RENEWAL, "attachmentId": message["attachments"][1]["id"]}
    csv = await world.call("gmail", "get_attachment", {**table, "name": "seats.csv", "contentType": "text/csv"})
    png = await world.call("gmail", "get_attachment", {**picture, "name": "dot.png", "contentType": "image/png"})

    assert message["messageId"] == f"<{RENEWAL}@mail.example>"
    assert "data processing agreement" in message["text"]
    assert [(each["name"], each["contentType"]) for each in message["attachments"]] == [
        ("seats.csv", "text/csv"),
        ("dot.png", "image/png"),
    ]
    assert csv.content[0]["text"].startswith("team,seats")
    assert (png.content[0]["type"], png.content[0]["mimeType"]) == ("image", "image/png")


async def test_html_alone_is_read_as_text(world: World) -> None:
    message = (await called(world, "read_message", id="19a0000000000004"))["message"]

    assert message["text"] == "Offers\nEverything at half the price."


async def test_a_conversation_is_read_oldest_first(world: World) -> None:
    found = await rows(world, "read_thread", threadId=RENEWAL)

    assert [each["message"]["from"] for each in found] == ["Pat O'Brien <pat@obrien.example>", "alice@acme.example"]
    assert "this week" in found[1]["message"]["text"]


async def test_an_answer_is_sent_into_its_conversation(world: World) -> None:
    original = (await called(world, "read_message", id=RENEWAL))["message"]
    sent = await called(
        world,
        "send_message",
        to=[original["from"]],
        cc=["Bob <bob@acme.example>"],
        subject=f"Re: {original['subject']}",
        text="Grüezi Pat,\n\nhere it is.\n",
        threadId=RENEWAL,
        inReplyTo=original["messageId"],
        references=[original["messageId"]],
        attachments=[
            {"name": "dpa.txt", "contentType": "text/plain", "base64": base64.b64encode(b"We agree.").decode()}
        ],
    )
    (arrived,) = (await as_bob(world, "search_messages", query="from:alice subject:renewal"))["rows"]
    read = (await as_bob(world, "read_message", id=arrived["id"]))["message"]

    assert (sent["threadId"], sent["labelIds"]) == (RENEWAL, ["SENT"])
    assert read["text"] == "Grüezi Pat,\n\nhere it is."
    assert read["inReplyTo"] == original["messageId"]
    assert [each["name"] for each in read["attachments"]] == ["dpa.txt"]


async def test_a_draft_waits_until_it_is_sent(world: World) -> None:
    made = await called(world, "create_draft", to=["bob@acme.example"], subject="Plan for May", text="See you.")
    (listed,) = await rows(world, "list_drafts", query="subject:plan")
    before = (await as_bob(world, "search_messages", query="subject:may"))["rows"]
    sent = await called(world, "send_draft", draftId=made["id"])
    after = (await as_bob(world, "search_messages", query="subject:may"))["rows"]

    assert listed["id"] == made["id"]
    assert (listed["draft"]["to"], listed["draft"]["subject"]) == ("bob@acme.example", "Plan for May")
    assert before == []
    assert sent["labelIds"] == ["SENT"]
    assert len(after) == 1
    assert (await world.call("gmail", "send_draft", {"draftId": made["id"]})).is_error


async def test_labels_are_changed(world: World) -> None:
    changed = await called(world, "change_labels", id="19a0000000000003", add=["STARRED"], remove=["UNREAD", "INBOX"])
    refused = await world.call("gmail", "change_labels", {"id": "19a0000000000003", "add": ["SENT"]})

    assert changed["labelIds"] == ["STARRED"]
    assert [each["id"] for each in await rows(world, "search_messages", query="is:starred")] == ["19a0000000000003"]
    assert "Invalid label: SENT" in told(refused)


@pytest.mark.parametrize(
    "hostile",
    [
        {"to": ["bob@acme.example\r\nBcc: evil@else.example"]},
        {"to": ["bob@acme.example, evil@else.example"]},
        {"to": ["all: bob@acme.example, evil@else.example;"]},
        {"subject": "Hello\nBcc: evil@else.example"},
        {"cc": ["Bob\u2028 <bob@acme.example>"]},
        {"inReplyTo": "<a@b>\r\nBcc: evil@else.example"},
        {"attachments": [{"name": "a\r\nX: y", "contentType": "text/plain", "base64": "YQ=="}]},
        {"attachments": [{"name": "a.txt", "contentType": "text/plain", "base64": "*"}]},
    ],
)
async def test_no_argument_adds_a_header_or_a_recipient(world: World, hostile: dict[str, Any]) -> None:
    plain = {"to": ["bob@acme.example"], "subject": "Hello", "text": "Hello"}
    result = await world.call("gmail", "send_message", {**plain, **hostile})

    assert result.is_error
    assert await world.sandbox.calls(service="gmail") == []


async def test_a_sending_without_an_answer_is_told_as_unknown(world: World) -> None:
    await world.sandbox.fault(match={"service": "gmail", "method": "POST"}, stage="after", status=503)
    message = {"to": ["pat@obrien.example"], "subject": "Once", "text": "Once"}
    result = await world.call("gmail", "send_message", message)

    assert result.is_error
    assert "Whether it was done is not known" in told(result)
    assert len(await world.sandbox.calls(service="gmail")) == 1


async def test_a_write_without_its_scope_is_refused_before_it_is_sent(world: World) -> None:
    readonly = "https://www.googleapis.com/auth/gmail.readonly"
    await world.sandbox.change_account("data_installation_gmail_alice", scopes=[readonly])
    refused = await world.call("gmail", "send_message", {"to": ["bob@acme.example"], "subject": "x", "text": "x"})
    read = await world.call("gmail", "read_message", {"id": RENEWAL})
    calls = await world.sandbox.calls(service="gmail")
    await world.sandbox.change_account("data_installation_gmail_alice", scopes=[MODIFY])

    assert refused.denial is not None
    assert refused.denial.reason is Reason.SCOPE_MISSING
    assert "auth/gmail.send" in refused.denial.message
    assert not read.is_error
    assert [call["method"] for call in calls] == ["GET"]


async def test_what_is_not_there_is_told_as_that(world: World) -> None:
    result = await world.call("gmail", "read_message", {"id": "19c0000000000001"})

    assert result.is_error
    assert "not found in Gmail, or not visible to this connection" in told(result)


@pytest.mark.parametrize("value", [line for _, line in lines("path_params.txt")])
async def test_ids_stay_inside_their_segment(world: World, value: str) -> None:
    await world.call("gmail", "read_message", {"id": value})
    file = {"attachmentId": value, "name": "a.txt", "contentType": "text/plain"}
    await world.call("gmail", "get_attachment", {"messageId": RENEWAL, **file})

    for call in await world.sandbox.calls(service="gmail"):
        assert call["path"].startswith("/gmail/v1/users/me/messages/")
        assert call["path"].count("/") in (6, 8)
