"""What Slack's search box understands: words, "phrases", -words, and modifiers such as `in:` and `before:`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

from .workspace import Conversation, Message, Person, Workspace

_TERM = re.compile(r'(-?)(?:(\w+):)?(?:"([^"]*)"|(\S+))')

Test = Callable[[Conversation, Message], bool]


def matches(query: str, workspace: Workspace, viewer: Person) -> list[tuple[Conversation, Message]]:
    """Messages that fulfil every term, newest first, of what the viewer may see."""
    tests = [_test(term, workspace, viewer) for term in _TERM.finditer(query)]
    found = [
        (where, message)
        for where in workspace.seen_by(viewer)
        for message in where.messages.values()
        if all(test(where, message) for test in tests)
    ]
    return sorted(found, key=lambda each: each[1].ts, reverse=True)


def _test(term: re.Match[str], workspace: Workspace, viewer: Person) -> Test:
    without, modifier, phrase, word = term.groups()
    value = phrase if phrase is not None else word
    test = _modifier(modifier, value, workspace, viewer) if modifier else None
    if test is None:
        words = f"{modifier}:{value}".lower() if modifier else value.lower()
        test = lambda _, message: words in message.text.lower()  # noqa: E731 - one of several tests
    chosen = test
    return (lambda where, message: not chosen(where, message)) if without else chosen


def _modifier(name: str, value: str, workspace: Workspace, viewer: Person) -> Test | None:
    """None for what is no modifier, such as the colon of a URL."""
    match name:
        case "in":
            wanted = value.strip("<>#@").partition("|")[0]
            return lambda where, _: (
                wanted in (where.id, where.name)
                or (not where.name and any(workspace.people[each].name == wanted for each in where.members))
            )
        case "from":
            wanted = viewer.id if value == "me" else value.strip("<>@")
            return lambda _, message: wanted in (message.user, workspace.people[message.user].name)
        case "has":
            return lambda _, message: ("http" in message.text) if value == "link" else bool(message.reactions)
        case "before" | "after" | "on" if day := _day(value):
            return lambda _, message: _compare(name, _said_on(message), day)
        case "is" if value == "thread":
            return lambda _, message: message.thread_ts is not None
    return None


def _compare(name: str, said: date, day: date) -> bool:
    return said < day if name == "before" else said > day if name == "after" else said == day


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _said_on(message: Message) -> date:
    return datetime.fromtimestamp(float(message.ts), UTC).date()
