"""Jira's JSON of what there is. Texts are text in version 2 of the API, and trees of nodes (ADF) in version 3."""

from __future__ import annotations

from typing import Any

from . import errors
from .caller import Caller
from .site import STATUSES, TYPES, Comment, Issue, Person, Project, Site


def document(text: str | None) -> dict[str, Any] | None:
    """Text as an Atlassian Document, a paragraph for each line."""
    if text is None:
        return None
    lines = ([{"type": "text", "text": line}] if line else [] for line in text.split("\n"))
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": line} for line in lines]}


def text_of(value: Any, version: int, field: str) -> str | None:
    """What was sent as a text. Raises RefusalError when it is not of the version's form."""
    if value is None:
        return None
    if version == 2:
        if not isinstance(value, str):
            raise errors.invalid(**{field: "Operation value must be a string"})
        return value
    if not isinstance(value, dict) or value.get("type") != "doc":
        raise errors.invalid(
            **{field: "Operation value must be an Atlassian Document (see the Atlassian Document Format)"}
        )
    return "\n".join("".join(_texts(block)) for block in value.get("content", ()))


def _texts(node: Any) -> list[str]:
    if node.get("type") == "text":
        return [str(node.get("text", ""))]
    return [text for each in node.get("content", ()) for text in _texts(each)]


def person(site: Site, caller: Caller, account_id: str | None) -> dict[str, Any] | None:
    each = site.people.get(account_id or "")
    return account(each, caller) if each is not None else None


def account(each: Person, caller: Caller) -> dict[str, Any]:
    return {
        "self": f"{caller.base}/user?accountId={each.account_id}",
        "accountId": each.account_id,
        "accountType": "atlassian",
        "displayName": each.name,
        "emailAddress": each.email,
        "active": each.active,
        "timeZone": "Europe/Berlin",
    }


def status(name: str) -> dict[str, Any]:
    each = STATUSES[name]
    return {"id": each.id, "name": name, "statusCategory": {"key": each.key, "name": each.category}}


def issue_type(name: str) -> dict[str, Any]:
    return {"id": TYPES[name], "name": name, "description": f"A {name.lower()}", "subtask": name == "Subtask"}


def issue(site: Site, caller: Caller, each: Issue, wanted: list[str]) -> dict[str, Any]:
    """`wanted` are names of fields; none: ids only; `*all`, `*navigable`: every one."""
    shape: dict[str, Any] = {"id": each.id, "key": each.key, "self": f"{caller.base}/issue/{each.id}"}
    if wanted:
        fields = _fields(site, caller, each)
        every = {"*all", "*navigable"} & set(wanted)
        shape["fields"] = {name: value for name, value in fields.items() if every or name in wanted}
    return shape


def _fields(site: Site, caller: Caller, each: Issue) -> dict[str, Any]:
    project = site.projects[each.project]
    children = [issue for issue in project.issues.values() if issue.parent == each.key]
    parent = project.issues.get(each.parent or "")
    return {
        "summary": each.summary,
        "description": each.description if caller.version == 2 else document(each.description),
        "status": status(each.status),
        "resolution": {"name": each.resolution} if each.resolution else None,
        "issuetype": issue_type(each.type),
        "priority": {"name": each.priority},
        "assignee": person(site, caller, each.assignee),
        "reporter": person(site, caller, each.reporter),
        "creator": person(site, caller, each.reporter),
        "labels": each.labels,
        "components": [],
        "fixVersions": [],
        "project": {"id": project.id, "key": project.key, "name": project.name},
        **({"parent": _brief(parent)} if parent is not None else {}),
        "subtasks": [_brief(child) for child in children],
        "issuelinks": [],
        "attachment": [],
        "comment": {
            "comments": [comment(site, caller, said) for said in each.comments],
            "total": len(each.comments),
            "startAt": 0,
            "maxResults": len(each.comments),
        },
        "duedate": each.duedate,
        "created": each.created,
        "updated": each.updated,
    }


def _brief(each: Issue) -> dict[str, Any]:
    return {"id": each.id, "key": each.key, "fields": {"summary": each.summary, "status": status(each.status)}}


def comment(site: Site, caller: Caller, each: Comment) -> dict[str, Any]:
    return {
        "self": f"{caller.base}/comment/{each.id}",
        "id": each.id,
        "author": person(site, caller, each.author),
        "body": each.body if caller.version == 2 else document(each.body),
        "created": each.created,
        "updated": each.created,
        "jsdPublic": True,
    }


def project(site: Site, caller: Caller, each: Project, *, whole: bool = False) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "id": each.id,
        "key": each.key,
        "name": each.name,
        "projectTypeKey": "software",
        "isPrivate": each.private,
        "self": f"{caller.base}/project/{each.id}",
    }
    if whole:
        shape |= {
            "description": each.description,
            "lead": person(site, caller, each.lead),
            "issueTypes": [issue_type(name) for name in TYPES],
            "components": [],
            "versions": [],
        }
    return shape
