"""google-api-python-client searches, reads, labels and sends mail in the sandbox."""

from __future__ import annotations

import base64
import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from google_client import google, reason

RENEWAL = "19a0000000000001"


@pytest.fixture
def mail(sandbox: Any) -> Iterator[Any]:
    with google(sandbox.url, "gmail", "v1", sandbox.token("gmail")) as service:
        yield service.users()


@pytest.fixture
def reading(unchanged: Any) -> Iterator[Any]:
    with google(unchanged.url, "gmail", "v1", unchanged.token("gmail")) as service:
        yield service.users()


@pytest.fixture
def bob(sandbox: Any) -> Iterator[Any]:
    with google(sandbox.url, "gmail", "v1", sandbox.token("gmail", "user_bob")) as service:
        yield service.users()


def found(mail: Any, query: str = "", **more: Any) -> list[str]:
    answer = mail.messages().list(userId="me", q=query, maxResults=500, **more).execute()
    return [each["id"][-1] if each["id"].startswith("19a") else each["id"] for each in answer.get("messages", [])]


def raw(to: str, subject: str, text: str = "Hello\n", **headers: str) -> str:
    message = EmailMessage(policy=email.policy.SMTP)
    message["To"], message["Subject"] = to, subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return base64.urlsafe_b64encode(message.as_bytes()).decode().rstrip("=")


def test_the_client_pointed_straight_at_the_sandbox_says_who_it_is(unchanged: Any) -> None:
    credentials, options = Credentials(token=unchanged.token("gmail")), {"api_endpoint": unchanged.url}
    with build("gmail", "v1", credentials=credentials, client_options=options, static_discovery=True) as service:
        profile = service.users().getProfile(userId="me").execute()
    assert profile["emailAddress"] == "alice@acme.example"


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("renewal", ["2", "1"]),
        ('"250 seats"', ["1"]),
        ("renewal -from:alice", ["1"]),
        ("from:bob", ["3"]),
        ("from:bob OR from:news", ["3", "4"]),
        ("to:obrien in:sent", ["2"]),
        ('subject:"black friday"', ["4"]),
        ("is:unread", ["3", "1"]),
        ("label:customers", ["1"]),
        ("has:attachment filename:csv", ["1"]),
        ("after:2026/11/19 before:2026/11/21 renewal", ["2", "1"]),
        ("rfc822msgid:<19a0000000000003@mail.example>", ["3"]),
        ("in:spam", ["5"]),
        ("in:anywhere renewal", ["2", "1", "5"]),
        ("colour:blue", []),
    ],
)
def test_searches_find_what_gmail_would(reading: Any, query: str, ids: list[str]) -> None:
    assert found(reading, query) == ids


def test_spam_counts_when_it_is_asked_for(reading: Any) -> None:
    assert "5" in found(reading, "renewal", includeSpamTrash=True)
    assert found(reading, labelIds=["SPAM"]) == ["5"]
    with pytest.raises(HttpError) as refusal:
        found(reading, labelIds=["Label_99"])
    assert reason(refusal) == (400, "invalidArgument")


def test_pages_follow_each_other(reading: Any) -> None:
    messages, ids = reading.messages(), []
    request = messages.list(userId="me", q="nightly", maxResults=50)
    while request is not None:
        answer = request.execute()
        ids += [each["id"] for each in answer["messages"]]
        request = messages.list_next(request, answer)
    assert len(ids) == len(set(ids)) == 120


def test_a_message_comes_taken_apart_whole_or_as_headers(reading: Any) -> None:
    get = reading.messages().get
    full = get(userId="me", id=RENEWAL).execute()
    kinds = [each["mimeType"] for each in full["payload"]["parts"]]
    assert kinds == ["multipart/alternative", "text/csv", "image/png"]
    plain = full["payload"]["parts"][0]["parts"][0]["body"]["data"]
    assert b"data processing agreement" in base64.urlsafe_b64decode(plain)
    source = get(userId="me", id=RENEWAL, format="raw").execute()["raw"]
    assert email.message_from_bytes(base64.urlsafe_b64decode(source))["Subject"] == "Renewal in January"
    headers = get(userId="me", id=RENEWAL, format="metadata", metadataHeaders=["Subject", "To"]).execute()["payload"]
    assert {each["name"] for each in headers["headers"]} == {"Subject", "To"}
    assert "payload" not in get(userId="me", id=RENEWAL, format="minimal").execute()


def test_an_attachment_is_read_by_its_id(reading: Any) -> None:
    parts = reading.messages().get(userId="me", id=RENEWAL).execute()["payload"]["parts"]
    where = {"userId": "me", "messageId": RENEWAL, "id": parts[1]["body"]["attachmentId"]}
    read = reading.messages().attachments().get(**where).execute()
    assert base64.urlsafe_b64decode(read["data"]) == b"team,seats\nSales,100\nSupport,150\n"
    with pytest.raises(HttpError) as refusal:
        reading.messages().attachments().get(**{**where, "id": "made-up"}).execute()
    assert reason(refusal) == (400, "invalidArgument")


def test_a_thread_is_read_oldest_first(reading: Any) -> None:
    thread = reading.threads().get(userId="me", id=RENEWAL, format="minimal").execute()
    assert [each["id"][-1] for each in thread["messages"]] == ["1", "2"]


def test_labels_are_changed(mail: Any) -> None:
    names = {each["id"]: each["name"] for each in mail.labels().list(userId="me").execute()["labels"]}
    assert names["Label_2"] == "To do"
    change = {"addLabelIds": ["Label_2", "STARRED"], "removeLabelIds": ["UNREAD", "INBOX"]}
    changed = mail.messages().modify(userId="me", id=RENEWAL, body=change).execute()
    assert set(changed["labelIds"]) == {"IMPORTANT", "Label_1", "Label_2", "STARRED"}
    assert found(mail, "is:starred label:to-do") == ["1"]
    for body in ({}, {"addLabelIds": ["SENT"]}, {"addLabelIds": ["nothing"]}):
        with pytest.raises(HttpError) as refusal:
            mail.messages().modify(userId="me", id=RENEWAL, body=body).execute()
        assert reason(refusal) == (400, "invalidArgument")
    mail.messages().trash(userId="me", id=RENEWAL).execute()
    assert found(mail, "label:customers") == []


def test_what_is_sent_arrives_and_its_hidden_recipients_stay_hidden(mail: Any, bob: Any, sandbox: Any) -> None:
    body = {"raw": raw("bob@acme.example, pat@obrien.example", "Offer", Bcc="hidden@else.example")}
    sent = mail.messages().send(userId="me", body=body).execute()
    assert sent["labelIds"] == ["SENT"]
    (arrived,) = bob.messages().list(userId="me", q="subject:offer").execute()["messages"]
    read = bob.messages().get(userId="me", id=arrived["id"]).execute()
    headers = {each["name"]: each["value"] for each in read["payload"]["headers"]}
    assert headers["From"] == "alice@acme.example"
    assert "Bcc" not in headers
    assert {"INBOX", "UNREAD"} == set(read["labelIds"])
    left = sandbox.admin("GET", "/state")["gmail"]["left"]
    assert [each["to"] for each in left] == ["pat@obrien.example", "hidden@else.example"]


def test_an_answer_joins_its_conversation(mail: Any) -> None:
    message_id = "<19a0000000000001@mail.example>"
    answer = raw("pat@obrien.example", "Re: Renewal in January", In_Reply_To=message_id, References=message_id)
    sent = mail.messages().send(userId="me", body={"raw": answer}).execute()
    other = mail.messages().send(userId="me", body={"raw": raw("pat@obrien.example", "Else")}).execute()
    assert sent["threadId"] == RENEWAL
    assert other["threadId"] == other["id"]


def test_a_draft_is_kept_listed_and_sent(mail: Any, bob: Any) -> None:
    draft = mail.drafts().create(userId="me", body={"message": {"raw": raw("bob@acme.example", "Draft")}}).execute()
    (listed,) = mail.drafts().list(userId="me").execute()["drafts"]
    assert listed["id"] == draft["id"]
    assert len(found(mail, "in:drafts")) == 1
    assert mail.drafts().get(userId="me", id=draft["id"]).execute()["message"]["labelIds"] == ["DRAFT"]
    sent = mail.drafts().send(userId="me", body={"id": draft["id"]}).execute()
    assert sent["labelIds"] == ["SENT"]
    assert "drafts" not in mail.drafts().list(userId="me").execute()
    assert len(bob.messages().list(userId="me", q="subject:draft").execute()["messages"]) == 1


@pytest.mark.parametrize("body", [{}, {"raw": "***"}, {"raw": raw("", "Nobody")}])
def test_what_cannot_be_sent_is_refused(mail: Any, body: dict[str, str]) -> None:
    with pytest.raises(HttpError) as refusal:
        mail.messages().send(userId="me", body=body).execute()
    assert reason(refusal) == (400, "invalidArgument")


def test_scopes_are_held_to(bob: Any, sandbox: Any) -> None:
    with pytest.raises(HttpError) as refusal:
        bob.messages().send(userId="me", body={"raw": raw("alice@acme.example", "x")}).execute()
    assert reason(refusal) == (403, "insufficientPermissions")
    assert "gmail.send" in refusal.value.resp["www-authenticate"]
    scopes = ["https://www.googleapis.com/auth/gmail.metadata"]
    sandbox.admin("PATCH", "/accounts/data_installation_gmail_bob", {"scopes": scopes})
    with google(sandbox.url, "gmail", "v1", sandbox.token("gmail", "user_bob")) as service:
        messages = service.users().messages()
        (first,) = messages.list(userId="me").execute()["messages"]
        assert messages.get(userId="me", id=first["id"], format="metadata").execute()["payload"]["headers"]
        for request in (messages.list(userId="me", q="pricing"), messages.get(userId="me", id=first["id"])):
            with pytest.raises(HttpError) as refusal:
                request.execute()
            assert refusal.value.status_code == 403


def test_another_mailbox_is_not_reached(reading: Any) -> None:
    with pytest.raises(HttpError) as refusal:
        reading.messages().list(userId="bob@acme.example").execute()
    assert refusal.value.status_code == 403
    with pytest.raises(HttpError) as refusal:
        reading.messages().get(userId="me", id="19c0000000000001").execute()
    assert reason(refusal) == (404, "notFound")
