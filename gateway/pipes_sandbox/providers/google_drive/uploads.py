"""Content from outside: simple, multipart and resumable uploads."""

from __future__ import annotations

import base64
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, flag
from pipes_sandbox.providers.google_drive import errors
from pipes_sandbox.providers.google_drive.access import WRITE, Access
from pipes_sandbox.providers.google_drive.files import Files
from pipes_sandbox.providers.google_drive.metadata import metadata
from pipes_sandbox.providers.google_drive.store import DriveStore

_SESSIONS_KEPT = 50
_LARGEST = 64 * 1024 * 1024


@dataclass(slots=True)
class _Session:
    """A resumable upload on its way; its URL is the only key to it."""

    call: Call
    members: dict[str, Any]
    mime_type: str
    received: bytearray = field(default_factory=bytearray)


class Uploads:
    def __init__(self, store: DriveStore, access: Access, files: Files) -> None:
        self._store = store
        self._access = access
        self._files = files
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    async def start(self, call: Call) -> web.Response:
        """POST makes a file, PATCH replaces the content of one."""
        self._access.person(call, WRITE, "DriveFiles.Create" if call.method == "POST" else "DriveFiles.Update")
        match call.query("uploadType"):
            case "media":
                return self._finish(call, {}, call.body, call.header("Content-Type", "application/octet-stream"))
            case "multipart":
                head, content, mime_type = _multipart(call.header("Content-Type"), call.body)
                return self._finish(call, metadata(head), content, mime_type)
            case "resumable":
                return self._open(call)
        raise errors.refused(400, "badRequest", "Bad Request: unknown uploadType")

    def _open(self, call: Call) -> web.Response:
        members = metadata(call.body)
        key = secrets.token_urlsafe(32)
        mime_type = call.header("X-Upload-Content-Type", "application/octet-stream")
        self._sessions[key] = _Session(call, members, mime_type)
        while len(self._sessions) > _SESSIONS_KEPT:
            self._sessions.popitem(last=False)
        origin = f"https://{call.host}" if call.host else str(call.request.url.origin())
        location = f"{origin}{call.path}?uploadType=resumable&upload_id={key}"
        return web.Response(headers={"Location": location, "X-GUploader-UploadID": key})

    async def resume(self, call: Call) -> web.Response:
        """One chunk, or the question how far the upload has come: 308 until the last byte is in."""
        key = call.query("upload_id")
        session = self._sessions.get(key)
        if session is None:
            raise errors.refused(404, "notFound", "Upload session not found.")
        content_range = call.header("Content-Range")
        found = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", content_range)
        if content_range and found is None:
            raise errors.refused(400, "badRequest", "Invalid Content-Range")
        if found is None:
            session.received[:] = call.body
            total: int | None = len(call.body)
        else:
            total = None if found[3] == "*" else int(found[3])
            if found[1] is not None:
                if int(found[1]) != len(session.received) or int(found[2]) - int(found[1]) + 1 != len(call.body):
                    raise errors.refused(400, "badRequest", "The chunk does not continue the upload.")
                session.received += call.body
        if len(session.received) > _LARGEST:
            raise errors.refused(413, "uploadTooLarge", "The sandbox takes 64 MB at most.")
        if total is None or len(session.received) < total:
            headers = {"Range": f"bytes=0-{len(session.received) - 1}"} if session.received else {}
            return web.Response(status=308, headers=headers)
        del self._sessions[key]
        return self._finish(session.call, session.members, bytes(session.received), session.mime_type)

    def _finish(self, call: Call, members: dict[str, Any], content: bytes, mime_type: str) -> web.Response:
        person = self._access.person(call, WRITE, "DriveFiles.Create")
        if call.method == "POST":
            file = self._files.new({"mimeType": mime_type, **members}, person, flag(call.query("supportsAllDrives")))
            self._store.files[file.id] = file
        else:
            file = self._files.change(call, members, person)
        # A document made from Markdown or text, or a sheet from CSV, keeps what it was made from.
        file.content = content
        return self._files.answer(call, file, person)


def _multipart(content_type: str, body: bytes) -> tuple[bytes, bytes, str]:
    """Metadata, content and the content's type out of `multipart/related`."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if found is None or not content_type.lower().startswith("multipart/"):
        raise errors.refused(400, "badContent", "Missing end boundary in multipart body.")
    pieces = re.split(rb"(?:^|\r?\n)--" + re.escape(found[1].strip().encode()) + rb"(?:--)?[ \t]*(?:\r?\n|$)", body)
    parts = [_part(piece) for piece in pieces if piece.strip()]
    if len(parts) != 2:
        raise errors.refused(400, "badContent", "A multipart upload has exactly two parts.")
    (_, head), (headers, content) = parts
    if headers.get("content-transfer-encoding", "").lower() == "base64":
        content = base64.b64decode(content)
    return head, content, headers.get("content-type", "application/octet-stream")


def _part(piece: bytes) -> tuple[dict[str, str], bytes]:
    # Official clients end lines with LF alone here, so the first blank line of either kind ends the headers.
    head, *rest = re.split(rb"\r?\n\r?\n", re.sub(rb"^(\r?\n)+", b"", piece), maxsplit=1)
    lines = (line.partition(":") for line in head.decode("latin-1").splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in lines}, rest[0] if rest else b""
