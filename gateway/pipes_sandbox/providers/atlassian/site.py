"""A Jira site: its people, its projects and their issues."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_FIRST_DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)

PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")


@dataclass(frozen=True, slots=True)
class Status:
    id: str
    name: str
    category: str
    key: str
    """Of the category: `new`, `indeterminate` or `done`."""


STATUSES = {
    each.name: each
    for each in (
        Status("10000", "To Do", "To Do", "new"),
        Status("3", "In Progress", "In Progress", "indeterminate"),
        Status("10001", "Done", "Done", "done"),
    )
}
TRANSITIONS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "To Do": (("21", "Start", "In Progress"),),
    "In Progress": (("11", "Stop", "To Do"), ("31", "Finish", "Done")),
    "Done": (("41", "Reopen", "To Do"),),
}
"""By the status an issue has: id and name of each transition, and the status it leads to."""

TYPES = {"Epic": "10010", "Task": "10011", "Bug": "10012", "Subtask": "10013"}


@dataclass(frozen=True, slots=True)
class Person:
    account_id: str
    name: str
    email: str
    active: bool = True


@dataclass(slots=True)
class Comment:
    id: str
    author: str
    body: str
    created: str


@dataclass(slots=True)
class Issue:
    """People are account ids; `parent` is a key."""

    id: str
    key: str
    type: str
    summary: str
    reporter: str
    created: str
    updated: str
    description: str | None = None
    status: str = "To Do"
    resolution: str | None = None
    priority: str = "Medium"
    assignee: str | None = None
    labels: list[str] = field(default_factory=list)
    parent: str | None = None
    duedate: str | None = None
    comments: list[Comment] = field(default_factory=list)

    @property
    def project(self) -> str:
        return self.key.rpartition("-")[0]


@dataclass(slots=True)
class Project:
    id: str
    key: str
    name: str
    description: str
    lead: str
    members: list[str]
    private: bool = False
    issues: dict[str, Issue] = field(default_factory=dict)


@dataclass(slots=True)
class Site:
    cloud_id: str
    name: str
    people: dict[str, Person]
    projects: dict[str, Project]
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(20_001))

    @property
    def url(self) -> str:
        return f"https://{self.name}.atlassian.net"

    def new_id(self) -> str:
        return str(next(self._ids))

    def person_of(self, email: str) -> Person | None:
        return next((each for each in self.people.values() if each.email == email), None)

    def seen_by(self, person: Person) -> list[Project]:
        return [each for each in self.projects.values() if not each.private or person.account_id in each.members]

    def issues(self, person: Person) -> list[Issue]:
        return [issue for project in self.seen_by(person) for issue in project.issues.values()]

    def issue(self, person: Person, key: str) -> Issue | None:
        return next((each for each in self.issues(person) if key.upper() in (each.key, each.id)), None)

    def add(self, project: Project, made: Issue) -> Issue:
        project.issues[made.key] = made
        return made


def moment(when: datetime | None = None) -> str:
    """As Jira writes it: `2026-01-05T09:00:00.000+0000`."""
    return (when or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def seeded(data: Mapping[str, Any]) -> Site:
    """The site that a seed describes; people are named by name."""
    people = {each["account_id"]: Person(**each) for each in data.get("people") or ()}
    by_name = {each.name: each.account_id for each in people.values()}
    site = Site(data.get("cloud_id", ""), data.get("name", "acme"), people, {})
    for entry in data.get("projects") or ():
        project = Project(
            id=site.new_id(),
            key=entry["key"],
            name=entry["name"],
            description=entry.get("description", ""),
            lead=by_name[entry["lead"]],
            members=[by_name[each] for each in entry["members"]],
            private=entry.get("private", False),
        )
        site.projects[project.key] = project
        for issue in _issues(entry):
            _add(site, project, issue, by_name)
    return site


def _issues(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """`generated` stands for many."""
    yield from entry.get("issues") or ()
    for rule in entry.get("generated") or ():
        for number in range(1, rule["count"] + 1):
            yield {**rule, "summary": rule["summary"].format(n=number)}


def _add(site: Site, project: Project, entry: Mapping[str, Any], people: Mapping[str, str]) -> None:
    number = len(project.issues) + 1
    at = moment(_FIRST_DAY + timedelta(hours=5 * number))
    status = entry.get("status", "To Do")
    made = Issue(
        id=site.new_id(),
        key=f"{project.key}-{number}",
        type=entry.get("type", "Task"),
        summary=entry["summary"],
        reporter=people[entry["reporter"]],
        created=at,
        updated=at,
        description=entry.get("description"),
        status=status,
        resolution="Done" if status == "Done" else None,
        priority=entry.get("priority", "Medium"),
        assignee=people.get(entry.get("assignee", "")),
        labels=list(entry.get("labels") or ()),
        parent=entry.get("parent"),
        duedate=entry.get("duedate"),
    )
    for said in entry.get("comments") or ():
        made.comments.append(Comment(site.new_id(), people[said["author"]], said["body"], at))
    site.add(project, made)
