"""What mutations do: issues made and changed, comments said."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import errors
from .reading import entity
from .workspace import Record, View, moment

SCOPES = {
    "issueCreate": ("issues:create", "write"),
    "issueUpdate": ("write",),
    "commentCreate": ("comments:create", "write"),
}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_NAMED = {"assigneeId": "User", "projectId": "Project", "parentId": "Issue", "stateId": "WorkflowState"}


def mutate(view: View, name: str, arguments: dict[str, Any]) -> Any:
    """A field of `Mutation`. Raises GraphQLError."""
    return _MUTATIONS[name](view, arguments)


def _issue_create(view: View, arguments: dict[str, Any]) -> dict[str, Any]:
    given = dict(arguments["input"])
    team = entity(view, "Team", given.pop("teamId"))
    if given.get("id") in view.workspace.records:
        raise errors.invalid("id is taken")
    if not (given.get("title") or "").strip():
        raise errors.invalid("title should not be empty")
    members: dict[str, Any] = {
        "number": view.workspace.next_number(team.id),
        "description": None,
        "priority": 0,
        "teamId": team.id,
        "creatorId": view.me.id,
        "stateId": next(each.id for each in view.value(team, "states")),
        "assigneeId": None,
        "projectId": None,
        "parentId": None,
        "labelIds": [],
        "dueDate": None,
    }
    draft = Record("Issue", members)
    _change(view, draft, given)
    return _done(issue=view.workspace.add("Issue", {**members, **_named(given)}))


def _issue_update(view: View, arguments: dict[str, Any]) -> dict[str, Any]:
    issue = entity(view, "Issue", arguments["id"])
    _change(view, issue, dict(arguments["input"]))
    issue.members["updatedAt"] = moment()
    return _done(issue=issue)


def _comment_create(view: View, arguments: dict[str, Any]) -> dict[str, Any]:
    given = arguments["input"]
    issue = entity(view, "Issue", given.get("issueId") or "")
    if not (given.get("body") or "").strip():
        raise errors.invalid("body should not be empty")
    if given.get("parentId"):
        entity(view, "Comment", given["parentId"])
    members = {"body": given["body"], "userId": view.me.id, "issueId": issue.id, "parentId": given.get("parentId")}
    return _done(comment=view.workspace.add("Comment", {**members, **_named(given)}))


def _change(view: View, issue: Record, changes: dict[str, Any]) -> None:
    """All of it or, when one part is refused, nothing."""
    for name, kind in _NAMED.items():
        if changes.get(name) is not None:
            changes[name] = entity(view, kind, changes[name]).id
    if changes.get("stateId") and view.workspace.records[changes["stateId"]].get("teamId") != issue.get("teamId"):
        raise errors.invalid("stateId must be a state of the issue's team")
    if changes.get("priority") is not None and not 0 <= changes["priority"] <= 4:
        raise errors.invalid("priority must not be greater than 4")
    if changes.get("dueDate") is not None and not _DATE.match(str(changes["dueDate"])):
        raise errors.invalid("dueDate must be a date")
    added, removed = changes.pop("addedLabelIds", None) or [], changes.pop("removedLabelIds", None) or []
    labels = [*(changes.pop("labelIds", None) or issue.get("labelIds")), *added]
    for each in labels:
        entity(view, "IssueLabel", each)
    issue.members["labelIds"] = [each for each in dict.fromkeys(labels) if each not in removed]
    issue.members.update({name: value for name, value in changes.items() if name != "id"})
    state = view.workspace.records.get(str(issue.get("stateId")))
    issue.members["completedAt"] = moment() if state is not None and state.get("type") == "completed" else None


def _named(given: dict[str, Any]) -> dict[str, Any]:
    return {"id": given["id"]} if given.get("id") else {}


def _done(**made: Record) -> dict[str, Any]:
    return {"success": True, "lastSyncId": 1.0, **made}


_MUTATIONS: dict[str, Callable[[View, dict[str, Any]], Any]] = {
    "issueCreate": _issue_create,
    "issueUpdate": _issue_update,
    "commentCreate": _comment_create,
}
