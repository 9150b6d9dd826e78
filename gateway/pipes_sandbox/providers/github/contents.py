"""Files and folders of a branch, read in the three forms that GitHub offers, and written with a check of `sha`."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call

from . import errors, shapes
from .caller import Callers
from .issues import document
from .model import Branch, Repository, blob_sha

LARGEST_IN_JSON = 1_000_000
MOST_ENTRIES = 1_000


class Contents:
    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def get(self, call: Call) -> web.Response:
        _, where = self._callers.repository(call)
        path, branch = call.parameters.get("path", "").strip("/"), _branch(call, where, call.query("ref"))
        accept = call.header("Accept")
        if path in branch.files:
            content = branch.files[path]
            if "raw" in accept:
                return web.Response(body=content, content_type="application/vnd.github.raw+json", charset="utf-8")
            return web.json_response(_file(where, path, content))
        entries = _entries(where, branch, path)
        if not entries and path:
            raise errors.not_found()
        if "object" in accept:
            folder = {"type": "dir", "path": path, "name": path.rpartition("/")[2], "size": 0, "entries": entries}
            return web.json_response(folder)
        return web.json_response(entries)

    async def put(self, call: Call) -> web.Response:
        _, where = self._callers.repository(call, push=True)
        path, body = call.parameters["path"].strip("/"), document(call)
        if not body.get("message"):
            raise errors.refused(422, 'Invalid request.\n\n"message" wasn\'t supplied.')
        branch = _branch(call, where, str(body.get("branch") or ""))
        try:
            content = base64.b64decode(str(body.get("content", "")).replace("\n", ""), validate=True)
        except (binascii.Error, ValueError):
            raise errors.refused(422, "content is not valid Base64") from None
        old = branch.files.get(path)
        if old is not None and not body.get("sha"):
            raise errors.refused(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
        if (blob_sha(old) if old is not None else None) != body.get("sha"):
            raise errors.refused(409, f"{path} does not match {body.get('sha')}")
        commit = branch.commit(str(body["message"]), path, content)
        shape = {
            "content": _file(where, path, content) | {"content": None},
            "commit": {"sha": commit, "message": body["message"], "html_url": f"{_web(where)}/commit/{commit}"},
        }
        return web.json_response(shape, status=200 if old is not None else 201)


def _branch(call: Call, where: Repository, name: str) -> Branch:
    name = (name or where.default_branch).removeprefix("refs/heads/")
    for known, branch in where.branches.items():
        if name in (known, branch.head):
            return branch
    raise errors.refused(404, f"No commit found for the ref {name}")


def _file(where: Repository, path: str, content: bytes) -> dict[str, Any]:
    small = len(content) <= LARGEST_IN_JSON
    return {
        **_entry(where, path, "file", len(content), blob_sha(content)),
        # In lines of 60, as GitHub sends it.
        "content": _lines(base64.b64encode(content).decode()) if small else "",
        "encoding": "base64" if small else "none",
    }


def _entries(where: Repository, branch: Branch, folder: str) -> list[dict[str, Any]]:
    """What is directly in a folder: folders and files by name, a thousand at most."""
    inside = f"{folder}/" if folder else ""
    found: dict[str, dict[str, Any]] = {}
    for path, content in branch.files.items():
        if path.startswith(inside):
            name, _, deeper = path[len(inside) :].partition("/")
            kind, size = ("dir", 0) if deeper else ("file", len(content))
            found.setdefault(name, _entry(where, inside + name, kind, size, blob_sha(content)))
    return [found[name] for name in sorted(found)][:MOST_ENTRIES]


def _entry(where: Repository, path: str, kind: str, size: int, sha: str) -> dict[str, Any]:
    return {
        "type": kind,
        "name": path.rpartition("/")[2],
        "path": path,
        "size": size,
        "sha": sha,
        "url": f"{shapes.API}/repos/{where.full_name}/contents/{path}",
        "html_url": f"{_web(where)}/{'blob' if kind == 'file' else 'tree'}/{where.default_branch}/{path}",
    }


def _web(where: Repository) -> str:
    return f"{shapes.WEB}/{where.full_name}"


def _lines(text: str) -> str:
    return "".join(text[start : start + 60] + "\n" for start in range(0, len(text), 60))
