"""Messages (RFC 5322) in mailboxes, with labels and conversations."""

from __future__ import annotations

import base64
import email
import email.policy
import email.utils
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cached_property
from typing import Any

SYSTEM_LABELS = (
    *("INBOX", "SENT", "DRAFT", "TRASH", "SPAM", "UNREAD", "STARRED", "IMPORTANT", "CHAT"),
    *("CATEGORY_PERSONAL", "CATEGORY_SOCIAL", "CATEGORY_PROMOTIONS", "CATEGORY_UPDATES", "CATEGORY_FORUMS"),
)
FIXED_LABELS = frozenset({"SENT", "DRAFT", "CHAT"})
"""Labels that nobody adds or removes by hand."""


@dataclass
class Message:
    id: str
    thread_id: str
    labels: list[str]
    source: bytes
    received: datetime

    @cached_property
    def parsed(self) -> EmailMessage:
        return email.message_from_bytes(self.source, policy=email.policy.default)

    @cached_property
    def text(self) -> str:
        """What is written in it: the plain text, else the HTML as it is."""
        body = self.parsed.get_body(("plain", "html"))
        return str(body.get_content()) if body is not None else ""

    @property
    def addressed_to(self) -> list[str]:
        return addresses(self.parsed, "To", "Cc", "Bcc")

    @property
    def attachments(self) -> list[str]:
        return [part.get_filename() or "" for part in self.parsed.iter_attachments()]

    def header(self, name: str) -> str:
        return str(self.parsed.get(name, ""))


def addresses(message: EmailMessage, *headers: str) -> list[str]:
    pairs = email.utils.getaddresses([str(each) for name in headers for each in message.get_all(name, [])])
    return [address.lower() for _, address in pairs if address]


@dataclass
class Mailbox:
    owner: str
    messages: dict[str, Message] = field(default_factory=dict)
    drafts: dict[str, str] = field(default_factory=dict)
    """Id of a draft to that of its message, which changes when the draft does."""
    labels: dict[str, str] = field(default_factory=dict)
    """The person's own labels: id to name."""

    def newest_first(self) -> list[Message]:
        return sorted(self.messages.values(), key=lambda each: (each.received, each.id), reverse=True)

    def thread(self, thread_id: str) -> list[Message]:
        """Oldest first."""
        return [each for each in reversed(self.newest_first()) if each.thread_id == thread_id]

    def knows(self, label: str) -> bool:
        return label in SYSTEM_LABELS or label in self.labels

    def keep(self, source: bytes, labels: list[str], thread_id: str = "", when: datetime | None = None) -> Message:
        """A message put into the mailbox; without a thread it opens one, named as itself."""
        message_id = secrets.token_hex(8)
        message = Message(message_id, thread_id or message_id, labels, source, when or datetime.now(UTC))
        self.messages[message_id] = message
        return message

    def thread_of(self, parsed: EmailMessage) -> str:
        """The conversation that the message answers in; empty when it opens one."""
        answered = set(re.findall(r"<[^<>\s]+>", f"{parsed.get('In-Reply-To', '')} {parsed.get('References', '')}"))
        for each in self.newest_first():
            if each.header("Message-ID") in answered and same_subject(each.header("Subject"), str(parsed["Subject"])):
                return each.thread_id
        return ""


def same_subject(one: str, other: str) -> bool:
    plain = [re.sub(r"^(\s*(re|fwd?|aw|wg)\s*:)+", "", each, flags=re.IGNORECASE).strip() for each in (one, other)]
    return plain[0] == plain[1]


class Post:
    """All mailboxes, and what carries messages between them."""

    def __init__(self, seed: Mapping[str, Any]) -> None:
        """Raises ValueError for what the seed describes wrongly."""
        self.mailboxes: dict[str, Mailbox] = {}
        self.left: list[dict[str, Any]] = []
        """Messages that went to addresses outside."""
        try:
            for entry in seed.get("mailboxes") or ():
                self.mailboxes[entry["owner"]] = Mailbox(entry["owner"], labels=dict(entry.get("labels") or {}))
            for entry in seed.get("messages") or ():
                for number in range(1, int(entry.get("count", 1)) + 1):
                    self._seed(entry, number)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"seed: {error} in {entry!r}") from None

    def _seed(self, entry: Mapping[str, Any], number: int) -> None:
        message = EmailMessage(policy=email.policy.SMTP)
        when = datetime.fromisoformat(entry["date"])
        for name in ("From", "To", "Cc", "Subject", "In-Reply-To"):
            if name.lower() in entry:
                message[name] = str(entry[name.lower()]).format(n=number)
        message["Date"] = email.utils.format_datetime(when)
        message["Message-ID"] = f"<{entry['id'].format(n=number)}@mail.example>"
        message.set_content(entry.get("text", "").format(n=number))
        if "html" in entry:
            message.add_alternative(entry["html"], subtype="html")
        for attached in entry.get("attachments") or ():
            main, _, sub = attached["contentType"].partition("/")
            content = base64.b64decode(attached["base64"]) if "base64" in attached else attached["text"].encode()
            message.add_attachment(content, maintype=main, subtype=sub, filename=attached["name"])
        box = self.mailboxes[entry["mailbox"]]
        message_id = entry["id"].format(n=number)
        thread = entry.get("thread", message_id)
        box.messages[message_id] = Message(message_id, thread, list(entry["labels"]), message.as_bytes(), when)

    def send(self, sender: Mailbox, source: bytes, thread_id: str) -> Message:
        """Puts the message into SENT, and into the mailbox of every recipient there is."""
        message = finished(source, sender.owner)
        sent = sender.keep(message.as_bytes(), ["SENT"], thread_id or sender.thread_of(message))
        recipients = addresses(message, "To", "Cc", "Bcc")
        del message["Bcc"]
        for recipient in dict.fromkeys(recipients):
            box = self.mailboxes.get(recipient)
            if box is None:
                self.left.append({"to": recipient, "subject": str(message["Subject"])})
            elif box is sender:
                sent.labels += ["INBOX", "UNREAD"]
            else:
                box.keep(message.as_bytes(), ["INBOX", "UNREAD"], box.thread_of(message))
        return sent


def finished(source: bytes, owner: str) -> EmailMessage:
    """The message with what Gmail adds: who it is from, when, and a name of its own."""
    message = email.message_from_bytes(source, policy=email.policy.SMTP)
    given = addresses(message, "From")
    if given != [owner]:
        del message["From"]
        message["From"] = owner
    if "Date" not in message:
        message["Date"] = email.utils.format_datetime(datetime.now(UTC))
    if "Message-ID" not in message:
        message["Message-ID"] = f"<CA{secrets.token_urlsafe(24)}@mail.gmail.com>"
    return message


def recipients_of(source: bytes) -> Iterator[str]:
    message = email.message_from_bytes(source, policy=email.policy.SMTP)
    yield from addresses(message, "To", "Cc", "Bcc")
