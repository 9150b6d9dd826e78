"""Messages that anybody may have written, made readable."""

import base64
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipes_egress.run.messages import message_of_bytes, message_of_parts, text_of_html


def url64(data: str | bytes) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).decode().rstrip("=")


def test_headers_text_and_attachments_are_told() -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ann <a@x.example>", "b@x.example", "Prüfung"
    message["Date"], message["Message-ID"] = "Sat, 31 Jan 2026 10:00:00 +0100", "<1@x.example>"
    message.set_content("Grüße\n")
    message.add_alternative("<p>Grüße</p>", subtype="html")
    message.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="räport.pdf")

    assert message_of_bytes(message.as_bytes()) == {
        "from": "Ann <a@x.example>",
        "to": "b@x.example",
        "subject": "Prüfung",
        "date": "Sat, 31 Jan 2026 10:00:00 +0100",
        "messageId": "<1@x.example>",
        "text": "Grüße",
        "attachments": [{"name": "räport.pdf", "contentType": "application/pdf", "size": 4}],
    }


def test_html_alone_is_read_as_text() -> None:
    message = EmailMessage()
    message.set_content("<style>p {}</style><p>One<br>two &amp; <b>three</b></p><script>x()</script>", subtype="html")
    assert message_of_bytes(message.as_bytes())["text"] == "One\ntwo & three"
    assert text_of_html("<table><tr><td>a</td> <td>b</td></tr></table><!-- c --><p>d") == "a b\nd"


def test_a_message_taken_apart_is_read_the_same() -> None:
    tree: dict[str, Any] = {
        "mimeType": "multipart/mixed",
        "headers": [{"name": "FROM", "value": "a@x.example"}, {"name": "X-Other", "value": "1"}],
        "parts": [
            {
                "mimeType": "multipart/alternative",
                "parts": [
                    {"mimeType": "text/plain", "filename": "", "body": {"size": 5, "data": url64("Hällo\r\nyou")}},
                    {"mimeType": "text/html", "body": {"data": url64("<p>no</p>")}},
                ],
            },
            {"mimeType": "image/png", "filename": "a.png", "body": {"attachmentId": "ANGjd", "size": 99}},
        ],
    }
    assert message_of_parts(tree) == {
        "from": "a@x.example",
        "text": "Hällo\nyou",
        "attachments": [{"name": "a.png", "contentType": "image/png", "size": 99, "id": "ANGjd"}],
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"Content-Type: text/plain; charset=nonsense\n\nhi \xff",
        b"Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n\n!!!",
        b"Subject: =?nonsense?q?x?=\nFrom: @@@<<>>\nDate: yesterday\n\nx",
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=a\n\n--a",
        b"Content-Type: ;;;\nContent-Disposition: attachment; filename*=utf-8''%ff%\n\nx",
    ],
)
def test_a_broken_message_is_read_as_far_as_it_goes(raw: bytes) -> None:
    assert isinstance(message_of_bytes(raw)["text"], str)


@given(st.binary(max_size=500))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    assert isinstance(message_of_bytes(b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" + raw)["text"], str)
    assert isinstance(message_of_bytes(raw)["text"], str)


NAMES = st.sampled_from(["parts", "headers", "body", "data", "name", "mimeType"])
TREES = st.recursive(
    st.none() | st.text(max_size=5) | st.integers(),
    lambda each: st.lists(each) | st.dictionaries(NAMES, each),
    max_leaves=20,
)


@given(TREES)
def test_no_tree_breaks_the_reader(tree: Any) -> None:
    assert isinstance(message_of_parts(tree if isinstance(tree, dict) else {"parts": [tree]})["text"], str)
