"""What GitHub holds: people, repositories, what is discussed in them, and the files of their branches."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_FIRST_DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    login: str
    name: str
    email: str


@dataclass(slots=True)
class Comment:
    id: int
    author: str
    body: str
    at: str


@dataclass(slots=True)
class Issue:
    """An issue, or a pull request when it has a `head`."""

    id: int
    number: int
    title: str
    author: str
    body: str | None
    created_at: str
    updated_at: str
    state: str = "open"
    state_reason: str | None = None
    closed_at: str | None = None
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    head: str = ""
    base: str = ""
    draft: bool = False
    merged: bool = False


@dataclass(slots=True)
class Branch:
    """Files by path, and the commit they are at."""

    files: dict[str, bytes]
    head: str

    def commit(self, message: str, path: str, content: bytes) -> str:
        self.files[path] = content
        self.head = hashlib.sha1(f"{self.head}{message}{path}".encode(), usedforsecurity=False).hexdigest()
        return self.head


@dataclass(slots=True)
class Repository:
    id: int
    owner: str
    name: str
    private: bool
    description: str
    language: str
    members: dict[str, str]
    """Login to `write` or `read`; of a public repository everybody may read."""
    branches: dict[str, Branch]
    issues: dict[int, Issue] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    stars: int = 0
    default_branch: str = "main"

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    def may_read(self, login: str, *, private: bool) -> bool:
        """`private`: whether the token reaches private repositories at all."""
        return not self.private or (private and login in self.members)


@dataclass(slots=True)
class Hub:
    people: dict[str, Person]
    repositories: dict[str, Repository]
    """By full name in lower case: GitHub does not mind the case."""
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(3_100_000_001, 7))

    def new_id(self) -> int:
        return next(self._ids)

    def person_of(self, email: str) -> Person | None:
        return next((each for each in self.people.values() if each.email == email), None)


def moment() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def blob_sha(content: bytes) -> str:
    """The name git gives to the content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def seeded(data: Mapping[str, Any]) -> Hub:
    people = {each["login"]: Person(**each) for each in data.get("people") or ()}
    hub = Hub(people, {})
    for entry in data.get("repositories") or ():
        repository = _repository(hub, entry)
        hub.repositories[repository.full_name.lower()] = repository
    return hub


def _repository(hub: Hub, entry: Mapping[str, Any]) -> Repository:
    owner, name = entry["name"].split("/")
    main = {path: _content(text) for path, text in (entry.get("files") or {}).items()}
    branches = {"main": Branch(main, _commit_of(entry["name"]))}
    for branch, changed in (entry.get("branches") or {}).items():
        files = {**main, **{path: _content(text) for path, text in changed.items()}}
        branches[branch] = Branch(files, _commit_of(f"{entry['name']}/{branch}"))
    made = Repository(
        id=hub.new_id(),
        owner=owner,
        name=name,
        private=entry.get("private", False),
        description=entry.get("description", ""),
        language=entry.get("language", ""),
        members=dict(entry.get("members") or {}),
        branches=branches,
        labels=list(entry.get("labels") or ()),
        stars=entry.get("stars", 0),
    )
    for issue in _issues(entry):
        number = len(made.issues) + 1
        made.issues[number] = _issue(hub, number, issue)
    return made


def _issues(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """`generated` stands for many: `{n}` in their texts is counted."""
    yield from entry.get("issues") or ()
    for rule in entry.get("generated") or ():
        for number in range(1, rule["count"] + 1):
            texts = {name: text.format(n=number) for name, text in rule.items() if isinstance(text, str)}
            yield {**rule, **texts}


def _issue(hub: Hub, number: int, entry: Mapping[str, Any]) -> Issue:
    at = (_FIRST_DAY + timedelta(hours=7 * number)).isoformat().replace("+00:00", "Z")
    closed = entry.get("state") == "closed"
    return Issue(
        id=hub.new_id(),
        number=number,
        title=entry["title"],
        author=entry["author"],
        body=entry.get("body"),
        created_at=at,
        updated_at=at,
        state=entry.get("state", "open"),
        state_reason="completed" if closed and not entry.get("head") else None,
        closed_at=at if closed else None,
        labels=list(entry.get("labels") or ()),
        assignees=list(entry.get("assignees") or ()),
        comments=[Comment(hub.new_id(), each["author"], each["body"], at) for each in entry.get("comments") or ()],
        head=entry.get("head", ""),
        base=entry.get("base", "main") if entry.get("head") else "",
    )


def _content(text: str | bytes) -> bytes:
    """YAML has `!!binary` for what is no text."""
    return text if isinstance(text, bytes) else text.encode()


def _commit_of(name: str) -> str:
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
