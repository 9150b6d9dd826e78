"""Issues and what is said about them; pull requests are issues too."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call

from . import errors, shapes
from .caller import Callers
from .model import Comment, Hub, Issue, Repository, moment
from .paging import page

LONGEST_BODY = 65_536


class Issues:
    def __init__(self, hub: Hub, callers: Callers) -> None:
        self._hub = hub
        self._callers = callers

    async def list(self, call: Call) -> web.Response:
        _, where = self._callers.repository(call)
        state, labels = call.query("state", "open"), [each for each in call.query("labels").split(",") if each]
        found = [
            each
            for each in reversed(where.issues.values())
            if state in ("all", each.state)
            and set(labels) <= set(each.labels)
            and call.query("creator", each.author) == each.author
            and call.query("assignee") in ("", "*", *each.assignees)
        ]
        items, headers = page(call, found)
        return web.json_response([shapes.issue(self._hub, where, each) for each in items], headers=headers)

    async def get(self, call: Call) -> web.Response:
        _, where = self._callers.repository(call)
        return web.json_response(shapes.issue(self._hub, where, issue_of(call, where)))

    async def create(self, call: Call) -> web.Response:
        caller, where = self._callers.repository(call, write=True)
        body = document(call)
        title = body.get("title")
        if not isinstance(title, str) or not title:
            raise errors.invalid("Issue", "title", "missing_field")
        at = moment()
        made = Issue(self._hub.new_id(), len(where.issues) + 1, title, caller.person.login, None, at, at)
        # Labels and assignees of somebody without push access are silently dropped.
        allowed = where.members.get(caller.person.login) == "write"
        self._change(made, {name: body[name] for name in body if allowed or name in ("title", "body")})
        where.issues[made.number] = made
        shape = shapes.issue(self._hub, where, made)
        return web.json_response(shape, status=201, headers={"Location": shape["url"]})

    async def update(self, call: Call) -> web.Response:
        caller, where = self._callers.repository(call, write=True)
        found = issue_of(call, where)
        if found.author != caller.person.login and where.members.get(caller.person.login) != "write":
            raise errors.refused(403, "Must have admin rights to Repository.", caller.headers("repo"))
        self._change(found, document(call))
        found.updated_at = moment()
        return web.json_response(shapes.issue(self._hub, where, found))

    async def comments(self, call: Call) -> web.Response:
        _, where = self._callers.repository(call)
        of = issue_of(call, where)
        since = call.query("since")
        items, headers = page(call, [each for each in of.comments if each.at >= since])
        return web.json_response([shapes.comment(self._hub, where, of, each) for each in items], headers=headers)

    async def comment(self, call: Call) -> web.Response:
        caller, where = self._callers.repository(call, write=True)
        of = issue_of(call, where)
        said = document(call).get("body")
        if not isinstance(said, str) or not said.strip():
            raise errors.invalid("IssueComment", "data", "unprocessable", "Body cannot be blank")
        _short(said, "IssueComment")
        made = Comment(self._hub.new_id(), caller.person.login, said, moment())
        of.comments.append(made)
        of.updated_at = made.at
        return web.json_response(shapes.comment(self._hub, where, of, made), status=201)

    def _change(self, issue: Issue, changes: dict[str, Any]) -> None:
        if changes.get("state", "open") not in ("open", "closed"):
            raise errors.invalid("Issue", "state", "invalid")
        if changes.get("state_reason") not in (None, "completed", "not_planned", "duplicate", "reopened"):
            raise errors.invalid("Issue", "state_reason", "invalid")
        if unknown := [each for each in changes.get("assignees") or () if each not in self._hub.people]:
            raise errors.invalid("Issue", "assignees", "invalid", f"could not resolve to a user: {unknown[0]}")
        _short(changes.get("body") or "", "Issue")
        issue.title = changes.get("title", issue.title)
        issue.body = changes.get("body", issue.body)
        issue.labels = list(changes.get("labels", issue.labels))
        issue.assignees = list(changes.get("assignees", issue.assignees))
        if "state" in changes and changes["state"] != issue.state:
            closed = changes["state"] == "closed"
            issue.state, issue.closed_at = changes["state"], moment() if closed else None
            issue.state_reason = changes.get("state_reason") or ("completed" if closed else "reopened")


def issue_of(call: Call, where: Repository) -> Issue:
    number = call.parameters["number"]
    found = where.issues.get(int(number)) if number.isascii() and number.isdigit() else None
    if found is None:
        raise errors.not_found()
    return found


def document(call: Call) -> dict[str, Any]:
    try:
        body = call.json()
    except ValueError:
        raise errors.refused(400, "Problems parsing JSON") from None
    if not isinstance(body, dict):
        raise errors.refused(400, "Body should be a JSON object")
    return body


def _short(text: str, resource: str) -> None:
    if len(text) > LONGEST_BODY:
        raise errors.invalid(resource, "body", "custom", f"body is too long (maximum is {LONGEST_BODY} characters)")
