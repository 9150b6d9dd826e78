"""Issues: searched, read, made, changed, moved on, discussed."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call

from . import errors, jql, shapes
from .caller import Caller, document_of, number_of
from .site import PRIORITIES, STATUSES, TRANSITIONS, TYPES, Comment, Issue, Project, Site, moment

MOST_RESULTS = 5_000
LONGEST_TEXT = 32_767
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


class Issues:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def search(self, call: Call, caller: Caller) -> web.Response:
        given: dict[str, Any] = {**call.request.query, "fields": call.request.query.getall("fields", [])}
        if call.method == "POST":
            given = document_of(call)
        query = jql.parsed(str(given.get("jql") or ""), self._site, caller.person)
        if not query.bounded:
            raise errors.refused(
                400, "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
            )
        found = jql.ordered([each for each in self._site.issues(caller.person) if query.holds(each)], query)
        start = _start(str(given.get("nextPageToken") or ""))
        end = start + min(int(given.get("maxResults") or 50), MOST_RESULTS)
        wanted = [name for each in given["fields"] or ["id"] for name in each.split(",") if name != "id"]
        page = [shapes.issue(self._site, caller, each, wanted) for each in found[start:end]]
        last = end >= len(found)
        return web.json_response({"issues": page, "isLast": last, **({} if last else {"nextPageToken": _token(end)})})

    async def get(self, call: Call, caller: Caller) -> web.Response:
        wanted = [name for each in call.request.query.getall("fields", ["*all"]) for name in each.split(",")]
        return web.json_response(shapes.issue(self._site, caller, self._issue(call, caller), wanted))

    async def create(self, call: Call, caller: Caller) -> web.Response:
        fields = dict(document_of(call).get("fields") or {})
        project = self._project(fields.pop("project", None), caller)
        kind = _named(fields.pop("issuetype", None), TYPES)
        if kind is None:
            raise errors.invalid(issuetype="Specify a valid issue type")
        at = moment()
        made = Issue(
            id="",
            key=f"{project.key}-{len(project.issues) + 1}",
            type=kind,
            summary="",
            reporter=caller.person.account_id,
            created=at,
            updated=at,
        )
        if not fields.get("summary"):
            raise errors.invalid(summary="You must specify a summary of the issue.")
        self._change(made, fields, caller)
        if kind == "Subtask" and made.parent is None:
            raise errors.invalid(parent="Issue type is a sub-task but parent issue key or id not specified.")
        made.id = self._site.new_id()
        self._site.add(project, made)
        link = f"{caller.base}/issue/{made.id}"
        return web.json_response({"id": made.id, "key": made.key, "self": link}, status=201)

    async def update(self, call: Call, caller: Caller) -> web.Response:
        issue = self._issue(call, caller)
        body = document_of(call)
        self._change(issue, dict(body.get("fields") or {}), caller)
        issue.updated = moment()
        return web.Response(status=204)

    async def comments(self, call: Call, caller: Caller) -> web.Response:
        said = self._issue(call, caller).comments
        if call.query("orderBy") == "-created":
            said = said[::-1]
        start, size = number_of(call, "startAt", 0), number_of(call, "maxResults", 50)
        page = [shapes.comment(self._site, caller, each) for each in said[start : start + size]]
        return web.json_response({"startAt": start, "maxResults": size, "total": len(said), "comments": page})

    async def comment(self, call: Call, caller: Caller) -> web.Response:
        issue = self._issue(call, caller)
        made = self._said(document_of(call).get("body"), caller)
        issue.comments.append(made)
        issue.updated = made.created
        return web.json_response(shapes.comment(self._site, caller, made), status=201)

    async def transitions(self, call: Call, caller: Caller) -> web.Response:
        issue = self._issue(call, caller)
        offered = [
            {"id": key, "name": name, "to": shapes.status(to), "hasScreen": False, "isAvailable": True}
            for key, name, to in TRANSITIONS[issue.status]
        ]
        return web.json_response({"expand": "transitions", "transitions": offered})

    async def transition(self, call: Call, caller: Caller) -> web.Response:
        issue, body = self._issue(call, caller), document_of(call)
        chosen = str((body.get("transition") or {}).get("id", ""))
        target = next((to for key, _, to in TRANSITIONS[issue.status] if key == chosen), None)
        if target is None:
            raise errors.refused(
                400, f"It seems that you have tried to perform a workflow operation ({chosen}) that is not valid here."
            )
        said = [
            self._said(each["add"].get("body"), caller)
            for each in (body.get("update") or {}).get("comment", ())
            if "add" in each
        ]
        issue.status, issue.updated = target, moment()
        asked = ((body.get("fields") or {}).get("resolution") or {}).get("name")
        issue.resolution = (asked or "Done") if STATUSES[target].key == "done" else None
        issue.comments += said
        return web.Response(status=204)

    def _issue(self, call: Call, caller: Caller) -> Issue:
        found = self._site.issue(caller.person, call.parameters["issue"])
        if found is None:
            raise errors.no_issue()
        return found

    def _project(self, named: Any, caller: Caller) -> Project:
        named = named if isinstance(named, dict) else {}
        for each in self._site.seen_by(caller.person):
            if each.key == named.get("key") or each.id == str(named.get("id")):
                return each
        raise errors.invalid(project="Specify a valid project ID or key")

    def _said(self, body: Any, caller: Caller) -> Comment:
        text = shapes.text_of(body, caller.version, "comment")
        if not (text or "").strip():
            raise errors.invalid(comment="Comment body can not be empty!")
        return Comment(self._site.new_id(), caller.person.account_id, str(text), moment())

    def _change(self, issue: Issue, fields: dict[str, Any], caller: Caller) -> None:
        """All of it or, when one field is refused, nothing."""
        changes: dict[str, Any] = {}
        for name, value in fields.items():
            match name:
                case "summary":
                    if not isinstance(value, str) or not value.strip() or "\n" in value or len(value) > 255:
                        raise errors.invalid(summary="The summary is invalid because it is empty, too long or broken.")
                    changes[name] = value
                case "description":
                    changes[name] = shapes.text_of(value, caller.version, name)
                    if len(changes[name] or "") > LONGEST_TEXT:
                        raise errors.invalid(description="The entered text is too long.")
                case "labels":
                    if any(" " in each for each in value):
                        raise errors.invalid(labels="The label can't contain spaces.")
                    changes[name] = list(value)
                case "priority":
                    if (value or {}).get("name") not in PRIORITIES:
                        raise errors.invalid(priority="The priority selected is invalid.")
                    changes[name] = value["name"]
                case "assignee":
                    key = (value or {}).get("id") or (value or {}).get("accountId")
                    if key is not None and key not in self._site.people:
                        raise errors.invalid(assignee=f"User '{key}' cannot be assigned issues.")
                    changes[name] = key
                case "parent":
                    found = self._site.issue(caller.person, str((value or {}).get("key") or (value or {}).get("id")))
                    if found is None:
                        raise errors.invalid(parent="Could not find issue by id or key.")
                    changes[name] = found.key
                case "duedate":
                    if value is not None and not _DATE.match(str(value)):
                        raise errors.invalid(duedate="Error parsing date string.")
                    changes[name] = value
                case _:
                    raise errors.invalid(
                        **{name: f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."}
                    )
        for name, value in changes.items():
            setattr(issue, name, value)


def _named(given: Any, known: dict[str, str]) -> str | None:
    """The name of what is given by name or id."""
    given = given if isinstance(given, dict) else {}
    for name, key in known.items():
        if given.get("name") == name or str(given.get("id")) == key:
            return name
    return None


def _token(place: int) -> str:
    return base64.urlsafe_b64encode(f"place:{place}".encode()).decode()


def _start(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("place:")) if token else 0
    except (binascii.Error, ValueError):
        raise errors.refused(400, "The provided next page token is invalid or expired.") from None
