"""Google Drive v3 at `www.googleapis.com`: routes, shared drives, permissions and `about`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError, flag
from pipes_sandbox.google.pages import page_token
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.providers.google_drive import errors, fields, resource
from pipes_sandbox.providers.google_drive.access import METADATA, WRITE, Access
from pipes_sandbox.providers.google_drive.comments import Comments
from pipes_sandbox.providers.google_drive.documents import Documents
from pipes_sandbox.providers.google_drive.export import FORMATS
from pipes_sandbox.providers.google_drive.files import Files
from pipes_sandbox.providers.google_drive.model import Permission
from pipes_sandbox.providers.google_drive.sheets import Sheets
from pipes_sandbox.providers.google_drive.store import DriveStore, offset_of
from pipes_sandbox.providers.google_drive.uploads import Uploads
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import TokenBook

_ROLES = ("organizer", "fileOrganizer", "writer", "commenter", "reader")


class DriveService(Service):
    name = "google-drive"
    prefixes = (
        *("/drive/v3", "/upload/drive/v3", "/resumable/upload/drive/v3"),
        *("/v4/spreadsheets", "/v1/documents"),
    )

    def __init__(self, tokens: TokenBook, environment: Environment, seed: Mapping[str, Any]) -> None:
        super().__init__()
        self._access = Access(tokens, environment)
        self._store = DriveStore(seed)
        files = Files(self._store, self._access)
        uploads = Uploads(self._store, self._access, files)
        add, root = self.router.add, "/drive/v3"
        add("GET", f"{root}/about", self._about)
        add("GET", f"{root}/drives", self._drives)
        add("GET", f"{root}/drives/{{drive}}", self._drive)
        add("GET", f"{root}/files", files.list)
        add("POST", f"{root}/files", files.create)
        add("GET", f"{root}/files/generateIds", files.generate_ids)
        add("GET", f"{root}/files/{{file}}", files.get)
        add("PATCH", f"{root}/files/{{file}}", files.update)
        add("DELETE", f"{root}/files/{{file}}", files.delete)
        add("GET", f"{root}/files/{{file}}/export", files.export)
        add("POST", f"{root}/files/{{file}}/copy", files.copy)
        add("GET", f"{root}/files/{{file}}/permissions", self._permissions)
        add("POST", f"{root}/files/{{file}}/permissions", self._share)
        comments = Comments(self._store, self._access)
        add("GET", f"{root}/files/{{file}}/comments", comments.list)
        add("POST", f"{root}/files/{{file}}/comments", comments.create)
        for path in ("/upload/drive/v3/files", "/resumable/upload/drive/v3/files"):
            add("POST", path, uploads.start)
            add("PUT", path, uploads.resume)
            add("PATCH", f"{path}/{{file}}", uploads.start)
            add("PUT", f"{path}/{{file}}", uploads.resume)
        self._add_editors(tokens, environment)

    def _add_editors(self, tokens: TokenBook, environment: Environment) -> None:
        """Docs and Sheets: other hosts, the same files and the same scopes."""
        add = self.router.add
        access = Access(
            tokens, environment, service="sheets.googleapis.com", package="google.apps.sheets.v4", canonical=True
        )
        sheets, spreadsheet = Sheets(self._store, access), "/v4/spreadsheets/{id}"
        add("POST", f"{spreadsheet}/values/{{range}}:append", sheets.append)
        add("GET", f"{spreadsheet}/values/{{range}}", sheets.read)
        add("PUT", f"{spreadsheet}/values/{{range}}", sheets.update)
        add("GET", spreadsheet, sheets.get)
        access = Access(
            tokens, environment, service="docs.googleapis.com", package="google.apps.docs.v1", canonical=True
        )
        documents, document = Documents(self._store, access), "/v1/documents/{id}"
        add("POST", f"{document}:batchUpdate", documents.batch_update)
        add("GET", document, documents.get)

    def serves(self, host: str) -> bool:
        return host in ("www.googleapis.com", "sheets.googleapis.com", "docs.googleapis.com")

    def authenticate(self, call: Call) -> None:
        self._access.token(call)

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        return errors.refused(404, "notFound", "Not Found")

    async def describe(self) -> dict[str, Any]:
        return {
            "files": len(self._store.files),
            "made_through_api": [
                {"id": file.id, "name": file.name, "mimeType": file.mime_type, "size": len(file.content)}
                for file in self._store.files.values()
                if file.by_app
            ],
            "trashed": [file.id for file in self._store.files.values() if file.trashed],
        }

    async def _about(self, call: Call) -> web.Response:
        person = self._access.person(call, METADATA, "DriveAbout.Get")
        if not call.query("fields"):
            raise errors.refused(
                400, "required", "The 'fields' parameter is required for this method.", location="fields"
            )
        document = {
            "kind": "drive#about",
            "user": resource.user(person.email, person.email),
            "exportFormats": {kind: sorted(formats) for kind, formats in FORMATS.items()},
            "storageQuota": {"usage": "0", "limit": "16106127360"},
            "maxUploadSize": "5242880000000",
            "canCreateDrives": False,
        }
        return _cut(call, document, "*", "about")

    async def _drives(self, call: Call) -> web.Response:
        person = self._access.person(call, METADATA, "DriveDrives.List")
        size = call.query("pageSize", "10")
        if not size.isdigit() or not 1 <= int(size) <= 100:
            raise errors.invalid("pageSize")
        named = re.fullmatch(r"\s*name\s+contains\s+'((?:[^'\\]|\\.)*)'\s*", call.query("q"))
        if call.query("q") and named is None:
            raise errors.invalid("q")
        wanted = re.sub(r"\\(.)", r"\1", named[1]).lower() if named else ""
        drives = [
            drive
            for drive in self._store.drives.values()
            if person.email in drive.members and not person.only_by_app and wanted in drive.name.lower()
        ]
        start = offset_of(call.query("pageToken"), f"drives|{wanted}")
        page = drives[start : start + int(size)]
        shapes = [resource.drive(drive, drive.members[person.email]) for drive in page]
        document: dict[str, Any] = {"kind": "drive#driveList", "drives": shapes}
        if start + len(page) < len(drives):
            document["nextPageToken"] = page_token(start + len(page), f"drives|{wanted}")
        return _cut(call, document, "kind,nextPageToken,drives(kind,id,name)", "driveList")

    async def _drive(self, call: Call) -> web.Response:
        person = self._access.person(call, METADATA, "DriveDrives.Get")
        drive = self._store.drives.get(call.parameters["drive"])
        if drive is None or person.email not in drive.members:
            message = f"Shared drive not found: {call.parameters['drive']}"
            raise errors.refused(404, "notFound", message, location="driveId")
        return _cut(call, resource.drive(drive, drive.members[person.email]), "kind,id,name", "drives")

    async def _permissions(self, call: Call) -> web.Response:
        person = self._access.person(call, METADATA, "DrivePermissions.List")
        all_drives = flag(call.query("supportsAllDrives"))
        file = self._store.writable(call.parameters["file"], person, all_drives=all_drives)
        shapes = resource.permissions(file)
        if file.drive_id:
            members = self._store.drives[file.drive_id].members.items()
            shapes += [resource.permission(Permission("user", role, email)) for email, role in members]
        document = {"kind": "drive#permissionList", "permissions": shapes}
        return _cut(call, document, "kind,permissions(id,type,kind,role)", "permissionList")

    async def _share(self, call: Call) -> web.Response:
        person = self._access.person(call, WRITE, "DrivePermissions.Create")
        all_drives = flag(call.query("supportsAllDrives"))
        file = self._store.writable(call.parameters["file"], person, all_drives=all_drives)
        try:
            body = call.json()
        except ValueError:
            raise errors.refused(400, "parseError", "Parse Error") from None
        kind, role = body.get("type"), body.get("role")
        address = body.get("domain") if kind == "domain" else body.get("emailAddress", "")
        if (
            kind not in ("user", "group", "domain", "anyone")
            or role not in _ROLES
            or (kind != "anyone" and not address)
        ):
            raise errors.refused(400, "invalidSharingRequest", "Bad Request. The sharing request is not valid.")
        permission = Permission(kind, role, address or "")
        file.permissions.append(permission)
        file.touch()
        return _cut(call, resource.permission(permission), "kind,id,type,role", "permissions")


def _cut(call: Call, document: dict[str, Any], default: str, kind: str) -> web.Response:
    mask = fields.parse(call.query("fields") or default)
    return web.json_response(fields.cut(document, mask, resource.KNOWN, kind))
