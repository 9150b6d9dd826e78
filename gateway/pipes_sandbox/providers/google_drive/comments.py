"""Comments on files."""

from __future__ import annotations

import json
import secrets
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call
from pipes_sandbox.google.pages import page_token
from pipes_sandbox.providers.google_drive import errors, fields, resource
from pipes_sandbox.providers.google_drive.access import CONTENT, WRITE, Access
from pipes_sandbox.providers.google_drive.model import WRITERS, now, rfc3339
from pipes_sandbox.providers.google_drive.store import DriveStore, offset_of


class Comments:
    def __init__(self, store: DriveStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def list(self, call: Call) -> web.Response:
        person = self._access.person(call, CONTENT, "DriveComments.List")
        file = self._store.get(call.parameters["file"], person, all_drives=True)
        mask = _mask(call)
        size = call.query("pageSize", "20")
        if not size.isdigit() or not 1 <= int(size) <= 100:
            raise errors.invalid("pageSize")
        start = offset_of(call.query("pageToken"), file.id)
        end = start + int(size)
        document: dict[str, Any] = {
            "kind": "drive#commentList",
            "comments": [_shape(each, person.email) for each in file.comments[start:end]],
        }
        if end < len(file.comments):
            document["nextPageToken"] = page_token(end, file.id)
        return web.json_response(fields.cut(document, mask, resource.KNOWN, "commentList"))

    async def create(self, call: Call) -> web.Response:
        person = self._access.person(call, WRITE, "DriveComments.Create")
        file = self._store.get(call.parameters["file"], person, all_drives=True)
        mask = _mask(call)
        if self._store.role(file, person) not in (*WRITERS, "commenter"):
            raise errors.file_permission()
        try:
            content = json.loads(call.body).get("content")
        except (ValueError, AttributeError):
            raise errors.refused(400, "parseError", "Parse Error") from None
        if not isinstance(content, str) or not content:
            raise errors.refused(400, "required", "Required", location="comment.content", location_type="other")
        made = {"id": "AAAA" + secrets.token_urlsafe(8), "author": person.email, "content": content}
        file.comments.append({**made, "createdTime": rfc3339(now())})
        return web.json_response(fields.cut(_shape(file.comments[-1], person.email), mask, resource.KNOWN, "comments"))


def _mask(call: Call) -> fields.Mask:
    if not call.query("fields"):
        message = "The 'fields' parameter is required for this method."
        raise errors.refused(400, "required", message, location="fields")
    return fields.parse(call.query("fields"))


def _shape(comment: dict[str, Any], me: str) -> dict[str, Any]:
    shape = {
        "kind": "drive#comment",
        "id": comment["id"],
        "author": resource.user(comment["author"], me),
        "content": comment["content"],
        "createdTime": comment["createdTime"],
        "modifiedTime": comment["createdTime"],
        "resolved": bool(comment.get("resolved", False)),
        "deleted": False,
        "replies": [
            {"kind": "drive#reply", "id": f"BBBB{index}", **each, "author": resource.user(each["author"], me)}
            for index, each in enumerate(comment.get("replies") or ())
        ],
    }
    if "quoted" in comment:
        shape["quotedFileContent"] = {"mimeType": "text/html", "value": comment["quoted"]}
    return shape
