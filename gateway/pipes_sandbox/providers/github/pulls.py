"""Pull requests: what one branch has that another has not."""

from __future__ import annotations

import difflib
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call

from . import errors, shapes
from .caller import Callers
from .issues import document, issue_of
from .model import Hub, Issue, Repository, blob_sha, moment
from .paging import page


class Pulls:
    def __init__(self, hub: Hub, callers: Callers) -> None:
        self._hub = hub
        self._callers = callers

    async def list(self, call: Call) -> web.Response:
        _, where = self._callers.repository(call)
        state = call.query("state", "open")
        found = [each for each in reversed(where.issues.values()) if each.head and state in ("all", each.state)]
        items, headers = page(call, found)
        return web.json_response([self._shape(where, each) for each in items], headers=headers)

    async def get(self, call: Call) -> web.Response:
        _, where = self._callers.repository(call)
        return web.json_response(self._shape(where, _pull_of(call, where)))

    async def files(self, call: Call) -> web.Response:
        _, where = self._callers.repository(call)
        items, headers = page(call, _changed(where, _pull_of(call, where)))
        return web.json_response(list(items), headers=headers)

    async def create(self, call: Call) -> web.Response:
        caller, where = self._callers.repository(call, write=True)
        body = document(call)
        head, base, title = (body.get(name) for name in ("head", "base", "title"))
        if not title:
            raise errors.invalid("PullRequest", "title", "missing_field")
        for name, branch in (("head", str(head).rpartition(":")[2]), ("base", base)):
            if branch not in where.branches:
                raise errors.invalid("PullRequest", name, "invalid")
        head = str(head).rpartition(":")[2]
        if where.branches[head].files == where.branches[str(base)].files:
            raise _said(f"No commits between {base} and {head}")
        if any(each.state == "open" and (each.head, each.base) == (head, base) for each in where.issues.values()):
            raise _said(f"A pull request already exists for {where.owner}:{head}.")
        at, number = moment(), len(where.issues) + 1
        made = Issue(self._hub.new_id(), number, title, caller.person.login, body.get("body"), at, at)
        made.head, made.base, made.draft = head, str(base), bool(body.get("draft"))
        where.issues[number] = made
        return web.json_response(self._shape(where, made), status=201)

    def _shape(self, where: Repository, each: Issue) -> dict[str, Any]:
        changed = _changed(where, each)
        shape = shapes.issue(self._hub, where, each)
        del shape["pull_request"], shape["repository_url"]
        return {
            **shape,
            "url": f"{shapes.API}/repos/{where.full_name}/pulls/{each.number}",
            "head": {
                "ref": each.head,
                "label": f"{where.owner}:{each.head}",
                "sha": where.branches[each.head].head,
            },
            "base": {"ref": each.base, "label": f"{where.owner}:{each.base}", "sha": where.branches[each.base].head},
            "merged": each.merged,
            "mergeable": each.state == "open",
            "mergeable_state": "clean" if each.state == "open" else "unknown",
            "merged_at": each.closed_at if each.merged else None,
            "commits": 1,
            "additions": sum(file["additions"] for file in changed),
            "deletions": sum(file["deletions"] for file in changed),
            "changed_files": len(changed),
        }


def _changed(where: Repository, pull: Issue) -> list[dict[str, Any]]:
    old, new = where.branches[pull.base].files, where.branches[pull.head].files
    found = []
    for path in sorted({*old, *new}):
        if old.get(path) == new.get(path):
            continue
        patch = list(_patch(old.get(path, b""), new.get(path, b"")))
        added, removed = (sum(line.startswith(sign) for line in patch) for sign in ("+", "-"))
        found.append(
            {
                "sha": blob_sha(new.get(path, old.get(path, b""))),
                "filename": path,
                "status": "added" if path not in old else "removed" if path not in new else "modified",
                "additions": added,
                "deletions": removed,
                "changes": added + removed,
                "patch": "\n".join(patch),
            }
        )
    return found


def _patch(old: bytes, new: bytes) -> list[str]:
    before, after = (each.decode("utf-8", "replace").splitlines() for each in (old, new))
    return list(difflib.unified_diff(before, after, lineterm=""))[2:]


def _pull_of(call: Call, where: Repository) -> Issue:
    found = issue_of(call, where)
    if not found.head:
        raise errors.not_found()
    return found


def _said(message: str) -> Exception:
    problem = {"resource": "PullRequest", "code": "custom", "message": message}
    return errors.refused(422, "Validation Failed", errors=[problem])
