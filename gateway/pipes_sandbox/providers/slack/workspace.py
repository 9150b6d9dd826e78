"""A Slack workspace: its people, its conversations, what was said in them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import errors

PUBLIC, PRIVATE, DIRECT, GROUP = "public_channel", "private_channel", "im", "mpim"

SCOPES = {PUBLIC: "channels", PRIVATE: "groups", DIRECT: "im", GROUP: "mpim"}
"""By the kind of a conversation: how the scopes that concern it begin."""


@dataclass(slots=True)
class Person:
    id: str
    name: str
    real_name: str
    email: str
    title: str = ""
    bot: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Message:
    ts: str
    user: str
    text: str
    thread_ts: str | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edited: str | None = None

    @property
    def root(self) -> bool:
        return self.thread_ts in (None, self.ts)


@dataclass(slots=True)
class Conversation:
    id: str
    kind: str
    members: list[str]
    name: str = ""
    purpose: str = ""
    archived: bool = False
    created: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    """By `ts`, in the order in which they were said."""

    def thread(self, ts: str) -> list[Message]:
        return [each for each in self.messages.values() if ts in (each.ts, each.thread_ts)]

    def top(self) -> list[Message]:
        return [each for each in self.messages.values() if each.root]


@dataclass(slots=True)
class Workspace:
    id: str
    name: str
    domain: str
    people: dict[str, Person]
    conversations: dict[str, Conversation]
    scheduled: dict[str, dict[str, Any]] = field(default_factory=dict)
    _last: int = 0
    _counted: int = 0

    def next_ts(self) -> str:
        """Later than every message there is, whatever the clock of this machine says."""
        self._last = max(time.time_ns() // 1000, self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06}"

    def remember(self, ts: str) -> None:
        self._last = max(self._last, micros(ts))

    def new_id(self, letter: str) -> str:
        self._counted += 1
        return f"{letter}0SANDBOX{self._counted:03}"

    def person_of(self, email: str) -> Person | None:
        return next((each for each in self.people.values() if each.email == email), None)

    def visible(self, conversation_id: str, person: Person) -> Conversation:
        """A conversation, if the person may know of it: what is private is not found by others."""
        found = self.conversations.get(conversation_id)
        if found is None or (found.kind != PUBLIC and person.id not in found.members):
            raise errors.refused("channel_not_found")
        return found

    def seen_by(self, person: Person) -> Iterator[Conversation]:
        for each in self.conversations.values():
            if each.kind == PUBLIC or person.id in each.members:
                yield each

    def direct(self, members: Sequence[str]) -> tuple[Conversation, bool]:
        """The conversation between these people, and whether it was there already."""
        kind = DIRECT if len(members) <= 2 else GROUP
        for each in self.conversations.values():
            if each.kind == kind and sorted(each.members) == sorted(members):
                return each, True
        made = Conversation(self.new_id("D" if kind == DIRECT else "C"), kind, list(members), created=int(time.time()))
        if kind == GROUP:
            made.name = "mpdm-" + "--".join(self.people[each].name for each in members) + "-1"
        self.conversations[made.id] = made
        return made, False

    def say(self, where: Conversation, person: Person, text: str, thread_ts: str | None) -> Message:
        message = Message(self.next_ts(), person.id, text, thread_ts)
        where.messages[message.ts] = message
        return message

    def permalink(self, where: Conversation, message: Message) -> str:
        link = f"https://{self.domain}.slack.com/archives/{where.id}/p{message.ts.replace('.', '')}"
        return link if message.root else f"{link}?thread_ts={message.thread_ts}&cid={where.id}"


def micros(ts: str) -> int:
    """A `ts` as a number to compare. Raises ValueError when it is none."""
    seconds, _, rest = ts.partition(".")
    return int(seconds) * 1_000_000 + int((rest + "000000")[:6])


def seeded(data: Mapping[str, Any]) -> Workspace:
    """The workspace that a seed describes. Messages name people by name, and may hold `replies`."""
    people = {each["id"]: Person(**each) for each in data.get("people") or ()}
    by_name = {each.name: each.id for each in people.values()}
    workspace = Workspace(
        id=data.get("id", "T0ACME0001"),
        name=data.get("name", "Acme"),
        domain=data.get("domain", "acme"),
        people=people,
        conversations={},
    )
    for entry in data.get("conversations") or ():
        conversation = Conversation(
            id=entry["id"],
            kind=entry.get("kind", PUBLIC),
            members=[by_name[name] for name in entry.get("members") or ()],
            name=entry.get("name", ""),
            purpose=entry.get("purpose", ""),
            archived=entry.get("archived", False),
            created=entry.get("created", 1_767_225_600),
        )
        workspace.conversations[conversation.id] = conversation
        for message in _messages(entry):
            thread = message.get("thread")
            reactions = {name: [by_name[who] for who in whose] for name, whose in message.get("reactions", {}).items()}
            made = Message(message["ts"], by_name[message["user"]], message["text"], thread, reactions)
            conversation.messages[made.ts] = made
            workspace.remember(made.ts)
    return workspace


def _messages(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """In order of time; `generated` stands for many."""
    found: list[dict[str, Any]] = []
    for message in entry.get("messages") or ():
        replies = message.get("replies") or ()
        root = {"thread": message["ts"]} if replies else {}
        found += [{**message, **root}, *({**each, "thread": message["ts"]} for each in replies)]
    for rule in entry.get("generated") or ():
        for number in range(rule["count"]):
            ts = f"{rule['begin'] + number * rule['every']}.{number:06}"
            user = rule["users"][number % len(rule["users"])]
            found.append({"ts": ts, "user": user, "text": rule["text"].format(n=number)})
    return sorted(found, key=lambda each: micros(each["ts"]))
