"""Search, read, export, change: the `files` collection."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, flag
from pipes_sandbox.google.pages import page_token
from pipes_sandbox.providers.google_drive import errors, fields, resource
from pipes_sandbox.providers.google_drive.access import CONTENT, METADATA, WRITE, Access
from pipes_sandbox.providers.google_drive.export import export
from pipes_sandbox.providers.google_drive.metadata import apply, metadata
from pipes_sandbox.providers.google_drive.model import DriveFile, new_id, now
from pipes_sandbox.providers.google_drive.query import QueryError, parse
from pipes_sandbox.providers.google_drive.store import DriveStore, Person, offset_of, ordered

_CORPORA = ("user", "domain", "drive", "allDrives")


class Files:
    def __init__(self, store: DriveStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def list(self, call: Call) -> web.Response:
        person = self._access.person(call, METADATA, "DriveFiles.List")
        corpora, drive_id = self._corpus(call)
        try:
            query = parse(call.query("q"), person.email)
        except QueryError:
            raise errors.invalid("q") from None
        if query.full_text and call.query("orderBy"):
            message = (
                "Sorting is not supported for queries with fullText terms. "
                "Results are always in descending relevance order."
            )
            raise errors.refused(403, "forbidden", message)
        size = call.query("pageSize", "100")
        if not size.isdigit() or not 1 <= int(size) <= 1000:
            raise errors.invalid("pageSize", f"Invalid value '{size}'. Values must be within the range: [1, 1000]")
        mark = "|".join((call.query("q"), corpora, drive_id or "", call.query("orderBy")))
        start = offset_of(call.query("pageToken"), mark)
        candidates = list(self._store.corpus(person, corpora, drive_id))
        # Full text search reads every document, so it stays off the event loop.
        found = await asyncio.to_thread(lambda: [file for file in candidates if query.matches(file)])
        found = ordered(found, call.query("orderBy") or "modifiedTime desc")
        page = found[start : start + int(size)]
        answer: dict[str, Any] = {
            "kind": "drive#fileList",
            "incompleteSearch": corpora == "allDrives" and self._store.incomplete_search,
            "files": [self._shape(file, person) for file in page],
        }
        if start + len(page) < len(found):
            answer["nextPageToken"] = page_token(start + len(page), mark)
        return _cut(call, answer, resource.LIST_DEFAULT, "list")

    def _corpus(self, call: Call) -> tuple[str, str | None]:
        drive_id = call.query("driveId") or None
        corpora = call.query("corpora") or ("drive" if drive_id else "user")
        if corpora not in _CORPORA:
            raise errors.invalid("corpora")
        if (corpora == "drive") != (drive_id is not None):
            message = "The driveId parameter must be specified if and only if corpora is set to drive."
            raise errors.refused(400, "invalid", message, location="driveId")
        if corpora in ("drive", "allDrives"):
            for name in ("includeItemsFromAllDrives", "supportsAllDrives"):
                if not flag(call.query(name)):
                    message = (
                        f"The {name} parameter must be set to true when driveId is specified or corpora contains "
                        "drive or allDrives."
                    )
                    raise errors.refused(403, "teamDrivesIncludeTeamDriveItemsRequired", message)
        return corpora, drive_id

    async def get(self, call: Call) -> web.StreamResponse:
        media = call.query("alt") == "media"
        person = self._access.person(call, CONTENT if media else METADATA, "DriveFiles.Get")
        file = self._addressed(call, person)
        if not media:
            return self.answer(call, file, person)
        if file.editor:
            message = "Only files with binary content can be downloaded. Use Export with Docs Editors files."
            raise errors.refused(403, "fileNotDownloadable", message, location="alt")
        file.viewed = now()
        return _content(call, file)

    async def export(self, call: Call) -> web.Response:
        person = self._access.person(call, CONTENT, "DriveFiles.Export")
        file = self._addressed(call, person)
        mime_type = call.query("mimeType")
        body = await asyncio.to_thread(export, file, mime_type)
        file.viewed = now()
        return web.Response(body=body, headers={"Content-Type": mime_type})

    async def create(self, call: Call) -> web.Response:
        person = self._access.person(call, WRITE, "DriveFiles.Create")
        file = self.new(metadata(call.body), person, flag(call.query("supportsAllDrives")))
        self._store.files[file.id] = file
        return self.answer(call, file, person)

    def new(self, members: dict[str, Any], person: Person, all_drives: bool) -> DriveFile:
        """A file in its place, not yet in the store. Raises RefusalError 409 when its id is taken."""
        file = DriveFile(name="Untitled", by_app=True)
        if "id" in members:
            if members["id"] in self._store.files:
                message = "A file already exists with the provided ID."
                raise errors.refused(409, "fileIdInUse", message, location="file.id", location_type="other")
            file.id = members["id"]
        self._store.place(file, members.get("parents") or [], person, all_drives=all_drives)
        apply(file, members)
        return file

    async def update(self, call: Call) -> web.Response:
        person = self._access.person(call, WRITE, "DriveFiles.Update")
        file = self.change(call, metadata(call.body), person)
        return self.answer(call, file, person)

    def change(self, call: Call, members: dict[str, Any], person: Person) -> DriveFile:
        all_drives = flag(call.query("supportsAllDrives"))
        file = self._store.writable(call.parameters["file"], person, all_drives=all_drives)
        if "parents" in members:
            message = "The parents field is not directly writable in update requests. Use addParents and removeParents."
            raise errors.refused(403, "fieldNotWritable", message)
        if add := [part for part in call.query("addParents").split(",") if part]:
            self._store.place(file, add, person, all_drives=all_drives)
        apply(file, members)
        file.touch()
        return file

    async def delete(self, call: Call) -> web.Response:
        person = self._access.person(call, WRITE, "DriveFiles.Delete")
        all_drives = flag(call.query("supportsAllDrives"))
        file = self._store.writable(call.parameters["file"], person, all_drives=all_drives, organizer=True)
        del self._store.files[file.id]
        return web.Response(status=204)

    async def copy(self, call: Call) -> web.Response:
        person = self._access.person(call, WRITE, "DriveFiles.Copy")
        source = self._addressed(call, person)
        members = {"name": f"Copy of {source.name}", "mimeType": source.mime_type, **metadata(call.body)}
        file = self.new(members, person, flag(call.query("supportsAllDrives")))
        file.content, file.tabs = source.content, dict(source.tabs)
        self._store.files[file.id] = file
        return self.answer(call, file, person)

    async def generate_ids(self, call: Call) -> web.Response:
        self._access.person(call, WRITE, "DriveFiles.GenerateIds")
        count = call.query("count", "10")
        if not count.isdigit() or not 1 <= int(count) <= 1000:
            raise errors.invalid("count")
        ids = [new_id() for _ in range(int(count))]
        return web.json_response({"kind": "drive#generatedIds", "space": "drive", "ids": ids})

    def _addressed(self, call: Call, person: Person) -> DriveFile:
        all_drives = flag(call.query("supportsAllDrives"))
        return self._store.get(call.parameters["file"], person, all_drives=all_drives)

    def _shape(self, file: DriveFile, person: Person) -> dict[str, Any]:
        target = self._store.files.get(file.shortcut_to or "")
        return resource.file(file, person.email, self._store.role(file, person) or "owner", target)

    def answer(self, call: Call, file: DriveFile, person: Person) -> web.Response:
        return _cut(call, self._shape(file, person), resource.FILE_DEFAULT, "files")


def _cut(call: Call, document: dict[str, Any], default: str, kind: str) -> web.Response:
    mask = fields.parse(call.query("fields") or default)
    return web.json_response(fields.cut(document, mask, resource.KNOWN, kind))


def _content(call: Call, file: DriveFile) -> web.Response:
    headers = {"Content-Type": file.mime_type, "Accept-Ranges": "bytes"}
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", call.header("Range").strip())
    if wanted is None:
        return web.Response(body=file.content, headers=headers)
    size, first = len(file.content), int(wanted[1])
    last = min(int(wanted[2]) if wanted[2] else size - 1, size - 1)
    if first > last:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return web.Response(status=206, body=file.content[first : last + 1], headers=headers)
