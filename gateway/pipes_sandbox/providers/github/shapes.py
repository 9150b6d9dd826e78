"""GitHub's JSON of what there is."""

from __future__ import annotations

from typing import Any

from .model import Comment, Hub, Issue, Repository

API = "https://api.github.com"
WEB = "https://github.com"


def person(hub: Hub, login: str) -> dict[str, Any]:
    found = hub.people[login]
    return {
        "login": login,
        "id": found.id,
        "type": "User",
        "site_admin": False,
        "url": f"{API}/users/{login}",
        "html_url": f"{WEB}/{login}",
    }


def repository(hub: Hub, each: Repository) -> dict[str, Any]:
    return {
        "id": each.id,
        "name": each.name,
        "full_name": each.full_name,
        "private": each.private,
        "visibility": "private" if each.private else "public",
        "owner": {"login": each.owner, "id": 9001, "type": "Organization"},
        "html_url": f"{WEB}/{each.full_name}",
        "url": f"{API}/repos/{each.full_name}",
        "description": each.description,
        "fork": False,
        "language": each.language,
        "stargazers_count": each.stars,
        "default_branch": each.default_branch,
        "archived": False,
        "open_issues_count": sum(issue.state == "open" for issue in each.issues.values()),
        "updated_at": max((issue.updated_at for issue in each.issues.values()), default="2026-01-05T09:00:00Z"),
    }


def issue(hub: Hub, where: Repository, each: Issue) -> dict[str, Any]:
    kind = "pull" if each.head else "issues"
    shape: dict[str, Any] = {
        "id": each.id,
        "node_id": f"I_{each.id}",
        "number": each.number,
        "title": each.title,
        "state": each.state,
        "state_reason": each.state_reason,
        "locked": False,
        "user": person(hub, each.author),
        "labels": [{"id": where.id + index, "name": name} for index, name in enumerate(each.labels)],
        "assignee": person(hub, each.assignees[0]) if each.assignees else None,
        "assignees": [person(hub, login) for login in each.assignees],
        "milestone": None,
        "comments": len(each.comments),
        "created_at": each.created_at,
        "updated_at": each.updated_at,
        "closed_at": each.closed_at,
        "author_association": "MEMBER" if each.author in where.members else "NONE",
        "body": each.body,
        "url": f"{API}/repos/{where.full_name}/issues/{each.number}",
        "repository_url": f"{API}/repos/{where.full_name}",
        "html_url": f"{WEB}/{where.full_name}/{kind}/{each.number}",
    }
    if each.head:
        shape["draft"] = each.draft
        shape["pull_request"] = {
            "url": f"{API}/repos/{where.full_name}/pulls/{each.number}",
            "html_url": shape["html_url"],
            "merged_at": each.closed_at if each.merged else None,
        }
    return shape


def comment(hub: Hub, where: Repository, of: Issue, each: Comment) -> dict[str, Any]:
    return {
        "id": each.id,
        "user": person(hub, each.author),
        "body": each.body,
        "created_at": each.at,
        "updated_at": each.at,
        "author_association": "MEMBER",
        "html_url": f"{WEB}/{where.full_name}/issues/{of.number}#issuecomment-{each.id}",
        "issue_url": f"{API}/repos/{where.full_name}/issues/{of.number}",
    }
