"""What a Linear workspace holds: records that name each other by id, and what can be said of each."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_NAMES = uuid.UUID("5f7bd0ea-0b52-4b7c-9d0a-6a1d1f1f0c11")
_FIRST_DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
_WEB = "https://linear.app/acme"
_PRIORITIES = ("No priority", "Urgent", "High", "Medium", "Low")
STATES = (
    ("Backlog", "backlog"),
    ("Todo", "unstarted"),
    ("In Progress", "started"),
    ("Done", "completed"),
    ("Canceled", "canceled"),
)


@dataclass(slots=True)
class Record:
    """One entity. Members ending in `Id` name another, those in `Ids` several."""

    kind: str
    members: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.members["id"])

    def get(self, name: str) -> Any:
        return self.members.get(name)


@dataclass(slots=True)
class Workspace:
    records: dict[str, Record] = field(default_factory=dict)
    """By id, in the order in which they were made."""

    def all(self, kind: str) -> list[Record]:
        return [each for each in self.records.values() if each.kind == kind]

    def add(self, kind: str, members: dict[str, Any], key: str = "") -> Record:
        """`key` names what is seeded, so that its id is the same in every sandbox."""
        at = members.pop("at", None) or moment()
        made = uuid.uuid5(_NAMES, f"{kind}/{key}") if key else uuid.uuid4()
        record = Record(kind, {"id": str(made), "createdAt": at, "updatedAt": at, **members})
        self.records[record.id] = record
        return record

    def next_number(self, team: str) -> int:
        return 1 + max((each.get("number") for each in self.all("Issue") if each.get("teamId") == team), default=0)

    def person_of(self, email: str) -> Record | None:
        return next((each for each in self.all("User") if each.get("email") == email), None)


@dataclass(frozen=True, slots=True)
class View:
    """The workspace as one person sees it: without the private teams of others."""

    workspace: Workspace
    me: Record

    def all(self, kind: str) -> list[Record]:
        return [each for each in self.workspace.all(kind) if self.sees(each)]

    def find(self, kind: str, key: str) -> Record | None:
        """By id, an issue by its identifier (`ENG-12`), a team by its key."""
        found = self.workspace.records.get(key)
        if found is None and kind in ("Issue", "Team"):
            name = "identifier" if kind == "Issue" else "key"
            found = next((each for each in self.workspace.all(kind) if self.value(each, name) == key.upper()), None)
        return found if found is not None and found.kind == kind and self.sees(found) else None

    def sees(self, record: Record) -> bool:
        if record.kind == "Comment":
            return self.sees(self.value(record, "issue"))
        team = record if record.kind == "Team" else self.workspace.records.get(str(record.get("teamId")))
        return team is None or not team.get("private") or self.me.id in team.get("memberIds")

    def value(self, record: Record, name: str) -> Any:
        """A member; a record or a list of records where it names others; None when there is nothing."""
        computed = _COMPUTED.get((record.kind, name))
        if computed is not None:
            return computed(self, record)
        if f"{name}Id" in record.members:
            return self.workspace.records.get(str(record.members[f"{name}Id"]))
        if f"{name[:-1]}Ids" in record.members:
            return [self.workspace.records[each] for each in record.members[f"{name[:-1]}Ids"]]
        return record.get(name)

    def having(self, kind: str, name: str, record: Record) -> list[Record]:
        return [each for each in self.all(kind) if each.get(name) == record.id]


_COMPUTED: dict[tuple[str, str], Callable[[View, Record], Any]] = {
    ("Issue", "identifier"): lambda view, each: f"{view.value(each, 'team').get('key')}-{each.get('number')}",
    ("Issue", "url"): lambda view, each: f"{_WEB}/issue/{view.value(each, 'identifier')}",
    ("Issue", "branchName"): lambda view, each: f"{view.me.get('name').lower()}/{_slug(view, each)}",
    ("Issue", "priorityLabel"): lambda view, each: _PRIORITIES[each.get("priority") or 0],
    ("Issue", "priority"): lambda view, each: each.get("priority") or 0,
    ("Issue", "children"): lambda view, each: view.having("Issue", "parentId", each),
    ("Issue", "comments"): lambda view, each: view.having("Comment", "issueId", each)[::-1],
    ("Issue", "attachments"): lambda view, each: [],
    ("Issue", "metadata"): lambda view, each: {},
    ("Team", "states"): lambda view, each: view.having("WorkflowState", "teamId", each),
    ("Team", "labels"): lambda view, each: [
        label for label in view.all("IssueLabel") if label.get("teamId") in (None, each.id)
    ],
    ("Team", "visibility"): lambda view, each: "private" if each.get("private") else "public",
    ("Team", "displayName"): lambda view, each: each.get("name"),
    ("Team", "issueCount"): lambda view, each: len(view.having("Issue", "teamId", each)),
    ("User", "isMe"): lambda view, each: each.id == view.me.id,
    ("User", "displayName"): lambda view, each: each.get("name").split()[0].lower(),
    ("User", "url"): lambda view, each: f"{_WEB}/profiles/{each.get('name').split()[0].lower()}",
    ("Project", "url"): lambda view, each: f"{_WEB}/project/{each.id}",
    ("Project", "state"): lambda view, each: each.get("status")["type"],
    ("Comment", "url"): lambda view, each: f"{view.value(view.value(each, 'issue'), 'url')}#comment-{each.id[:8]}",
}


def _slug(view: View, issue: Record) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", issue.get("title").lower()).strip("-")
    return f"{view.value(issue, 'identifier').lower()}-{words}"


def moment(when: datetime | None = None) -> str:
    return (when or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seeded(data: Mapping[str, Any]) -> Workspace:
    """The workspace that a seed describes; people, states and labels are named by name, teams by key."""
    workspace = Workspace()
    begun = moment(_FIRST_DAY)
    people, labels, projects = dict[str, str](), dict[str, str](), dict[str, str]()
    for each in data.get("people") or ():
        members = {"active": True, "isAssignable": True, "isMentionable": True, **each, "at": begun}
        people[each["name"]] = workspace.add("User", members, each["email"]).id
    for each in data.get("labels") or ():
        labels[each] = workspace.add(
            "IssueLabel", {"name": each, "color": "#5e6ad2", "teamId": None, "at": begun}, each
        ).id
    for each in data.get("teams") or ():
        named = {name: each.get(name) for name in ("key", "name", "description")}
        members = {
            **named,
            "private": each.get("private", False),
            "memberIds": [people[who] for who in each["members"]],
        }
        team = workspace.add("Team", {**members, "at": begun}, each["key"])
        for position, (name, kind) in enumerate(STATES):
            state = {"name": name, "type": kind, "position": float(position), "color": "#e2e2e2", "teamId": team.id}
            workspace.add("WorkflowState", {**state, "at": begun}, f"{each['key']}/{name}")
    teams = {each.get("key"): each.id for each in workspace.all("Team")}
    for each in data.get("projects") or ():
        members = {
            **each,
            "leadId": people[each["lead"]],
            "teamIds": [teams[key] for key in each["teams"]],
            "at": begun,
        }
        del members["lead"], members["teams"]
        projects[each["name"]] = workspace.add("Project", members, each["name"]).id
    for count, each in enumerate(_issues(data)):
        _issue(workspace, each, moment(_FIRST_DAY + timedelta(hours=5 * (count + 1))), people, labels, projects, teams)
    return workspace


def _issues(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """`generated` stands for many."""
    yield from data.get("issues") or ()
    for rule in data.get("generated") or ():
        for number in range(1, rule["count"] + 1):
            yield {**rule, "title": rule["title"].format(n=number)}


def _issue(
    workspace: Workspace,
    entry: Mapping[str, Any],
    at: str,
    people: Mapping[str, str],
    labels: Mapping[str, str],
    projects: Mapping[str, str],
    teams: Mapping[str, str],
) -> None:
    team = teams[entry["team"]]
    state = next(
        each
        for each in workspace.all("WorkflowState")
        if each.get("teamId") == team and each.get("name") == entry.get("state", "Todo")
    )
    number = workspace.next_number(team)
    members = {
        "number": number,
        "title": entry["title"],
        "description": entry.get("description"),
        "priority": entry.get("priority", 0),
        "teamId": team,
        "stateId": state.id,
        "creatorId": people[entry["creator"]],
        "assigneeId": people.get(entry.get("assignee", "")),
        "projectId": projects.get(entry.get("project", "")),
        "parentId": None,
        "labelIds": [labels[each] for each in entry.get("labels") or ()],
        "dueDate": entry.get("dueDate"),
        "at": at,
    }
    issue = workspace.add("Issue", members, f"{entry['team']}-{number}")
    for place, said in enumerate(entry.get("comments") or ()):
        comment = {
            "body": said["body"],
            "userId": people[said["user"]],
            "issueId": issue.id,
            "parentId": None,
            "at": at,
        }
        workspace.add("Comment", comment, f"{entry['team']}-{number}/{place}")
