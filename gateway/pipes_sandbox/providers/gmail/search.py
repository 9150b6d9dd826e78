"""Gmail's search box: words, phrases, and what `name:value` means."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .mailbox import Mailbox, Message, addresses

Test = Callable[[Message], bool]

_TERM = re.compile(r'(?P<no>-)?(?:(?P<name>[a-z_0-9]+):)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"{}()]+))')
_PLACES = {"inbox": "INBOX", "sent": "SENT", "trash": "TRASH", "spam": "SPAM", "draft": "DRAFT", "drafts": "DRAFT"}
_STATES = {"unread": "UNREAD", "starred": "STARRED", "important": "IMPORTANT"}
_SPANS = {"d": 1, "m": 30, "y": 365}


def parse(text: str, box: Mailbox) -> Callable[[Message], bool]:
    """A test for one message. What cannot be read finds nothing, as at Gmail; nothing is refused."""
    tests: list[Test] = []
    either = False
    for found in _TERM.finditer(text):
        if found["word"] == "OR" and not found["name"]:
            either = bool(tests)
            continue
        value = found["phrase"] if found["phrase"] is not None else found["word"]
        test = _test(found["name"] or "", value.lower(), box)
        if found["no"]:
            test = _not(test)
        tests.append(_or(tests.pop(), test) if either else test)
        either = False
    return lambda message: all(test(message) for test in tests)


def everywhere(text: str) -> bool:
    """Whether the search says itself that spam and trash count."""
    return bool(re.search(r"\bin:(anywhere|trash|spam)\b", text))


def _not(test: Test) -> Test:
    return lambda message: not test(message)


def _or(one: Test, other: Test) -> Test:
    return lambda message: one(message) or other(message)


def _test(name: str, value: str, box: Mailbox) -> Test:
    match name:
        case "from" | "to" | "cc" | "bcc" | "subject":
            headers = {"to": ("To", "Cc", "Bcc")}.get(name, (name.capitalize(),))
            return lambda message: any(value in message.header(each).lower() for each in headers)
        case "in":
            return lambda message: value == "anywhere" or _PLACES.get(value, "?") in message.labels
        case "is":
            if value == "read":
                return lambda message: "UNREAD" not in message.labels
            return lambda message: _STATES.get(value, "?") in message.labels
        case "label":
            wanted = {key for key, label in box.labels.items() if label.lower().replace(" ", "-") == value}
            wanted |= {value.upper()}
            return lambda message: bool(wanted & set(message.labels))
        case "has":
            return lambda message: value == "attachment" and bool(message.attachments)
        case "filename":
            return lambda message: any(
                each.lower() == value or each.lower().endswith("." + value) for each in message.attachments
            )
        case "rfc822msgid":
            return lambda message: message.header("Message-ID").strip("<>").lower() == value.strip("<>")
        case "after" | "newer" | "before" | "older" | "newer_than" | "older_than":
            return _dated(name, value)
        case "":
            return lambda message: value in _everything(message)
    return lambda message: False


def _dated(name: str, value: str) -> Test:
    if name.endswith("_than"):
        found = re.fullmatch(r"(\d{1,4})([dmy])", value)
        limit = datetime.now(UTC) - timedelta(days=int(found[1]) * _SPANS[found[2]]) if found else None
    else:
        limit = _day(value)
    if limit is None:
        return lambda message: False
    if name in ("after", "newer", "newer_than"):
        return lambda message: message.received >= limit
    return lambda message: message.received < limit


def _day(value: str) -> datetime | None:
    if value.isdigit() and len(value) > 8:
        return datetime.fromtimestamp(int(value), UTC)
    try:
        return datetime.strptime(value.replace("-", "/"), "%Y/%m/%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _everything(message: Message) -> str:
    people = " ".join(addresses(message.parsed, "From", "To", "Cc"))
    return f"{message.header('From')} {message.header('Subject')} {people} {message.text}".lower()
