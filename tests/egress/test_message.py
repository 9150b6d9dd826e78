"""Messages (RFC 5322): what is given arrives, and nothing can be slipped in beside it."""

import base64
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_files import lines
from pipes_egress.mapping.scope import Scope
from pipes_egress.mapping.templates import evaluate
from pipes_egress.problems import ArgumentRefused

MEMBERS = ("from", "to", "cc", "bcc", "replyTo", "subject", "text", "html", "inReplyTo", "references", "attachments")


def written(**members: Any) -> bytes:
    template = {"$message": {name: f"{{{name}}}" for name in MEMBERS}}
    return base64.urlsafe_b64decode(evaluate(template, Scope(arguments=members)))


def read(**members: Any) -> EmailMessage:
    message = message_from_bytes(written(**members), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_message_holds_what_was_given() -> None:
    message = read(
        to=["Ann Example <ann@acme.example>", "bob@acme.example"],
        cc="Žofie <zofie@acme.example>",
        bcc=["quiet@acme.example"],
        subject="Prüfung: Q3 – 日本",
        text="Grüße,\n.\n\nline\r\nlast " + "long " * 300,
        inReplyTo="<a1@mail.example>",
        references=["<a0@mail.example>", "<a1@mail.example>"],
    )

    assert [(each.display_name, each.addr_spec) for each in message["To"].addresses] == [
        ("Ann Example", "ann@acme.example"),
        ("", "bob@acme.example"),
    ]
    assert message["Cc"].addresses[0].display_name == "Žofie"
    assert message["Bcc"] == "quiet@acme.example"
    assert message["Subject"] == "Prüfung: Q3 – 日本"
    assert message["In-Reply-To"] == "<a1@mail.example>"
    assert message["References"] == "<a0@mail.example> <a1@mail.example>"
    assert message.get_content().splitlines()[:4] == ["Grüße,", ".", "", "line"]


def test_every_line_is_short_enough_to_travel() -> None:
    raw = written(to=[f"person{n}@acme.example" for n in range(100)], subject="wörter " * 120, text="x" * 5_000)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")


def test_attachments_arrive_as_they_are() -> None:
    content = bytes(range(256))
    attachments = [
        {"name": "a.bin", "contentType": "application/octet-stream", "base64": base64.b64encode(content).decode()},
        {"name": "b.csv", "contentType": "text/csv", "base64": base64.b64encode("ä;b\n".encode("latin-1")).decode()},
        {"name": "c.eml", "contentType": "message/rfc822", "base64": base64.b64encode(b"To: x\n\ny").decode()},
    ]
    found = list(read(to="a@x.example", text="see", html="<b>see</b>", attachments=attachments).iter_attachments())

    assert [each.get_filename() for each in found] == ["a.bin", "b.csv", "c.eml"]
    assert found[0].get_content() == content
    assert found[1].get_payload(decode=True) == "ä;b\n".encode("latin-1")
    assert found[2].get_content_type() == "application/octet-stream"


BREAKS = [
    "\r\nBcc: evil@x.example",
    "\nBcc: evil@x.example",
    "\r",
    "\x00",
    "\u2028x",
    "\x85x",
    "\x0b",
    "\x1b",
    "\ud800",
]


@pytest.mark.parametrize("name", ["from", "to", "cc", "bcc", "replyTo", "subject", "inReplyTo", "references"])
@pytest.mark.parametrize("tail", BREAKS)
def test_no_header_ends_early(name: str, tail: str) -> None:
    start = "<a@x.example>" if name in ("inReplyTo", "references") else "a@x.example"
    with pytest.raises(ArgumentRefused):
        written(**{"to": "b@x.example", name: start + tail})


@pytest.mark.parametrize("value", [value for _, value in lines("header_values.txt")])
def test_a_subject_is_refused_or_stays_the_subject(value: str) -> None:
    try:
        message = read(to="a@x.example", subject=value)
    except ArgumentRefused:
        return
    assert set(message.keys()) <= {"To", "Subject", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}


@pytest.mark.parametrize(
    "address",
    [
        *("", "a", "a@", "@x.example", "a@x.example, b@x.example", "a@x.example; b@x.example", "a b@x.example"),
        *("Friends: a@x.example;", "<a@x.example", "a@x.example>", "ä@x.example", "a@ä.example", "a@x@y.example"),
        *(5, {"address": "a@x.example"}, "=?utf-8?q?a=40x=2Eexample=2C?= b@x.example", "x" * 1_000 + "@x.example"),
    ],
)
def test_an_address_is_one_address(address: Any) -> None:
    try:
        message = read(to=[address])
    except ArgumentRefused:
        return
    # An encoded word may only ever be a name.
    assert [each.addr_spec for each in message["To"].addresses] == ["b@x.example"]


@given(st.text())
def test_any_name_in_front_of_an_address_leaves_one_recipient(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    try:
        message = read(to=[f'"{quoted}" <a@x.example>'])
    except ArgumentRefused:
        return
    assert [each.addr_spec for each in message["To"].addresses] == ["a@x.example"]
    assert set(message.keys()) <= {"To", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}


@given(st.text())
def test_any_subject_is_refused_or_arrives(subject: str) -> None:
    try:
        message = read(to="a@x.example", subject=subject)
    except ArgumentRefused:
        return
    assert message["Subject"].split() == subject.split()
    assert len(message.keys()) <= 5


@pytest.mark.parametrize(
    "attachment",
    [
        {"name": "a\r\nX: 1", "contentType": "text/plain", "base64": ""},
        {"name": "a", "contentType": "text/plain\r\nX: 1", "base64": ""},
        {"name": "a", "contentType": "text/plain", "base64": "no base64!"},
        "text",
    ],
)
def test_an_attachment_that_is_none_is_refused(attachment: Any) -> None:
    with pytest.raises(ArgumentRefused):
        written(to="a@x.example", attachments=[attachment])
