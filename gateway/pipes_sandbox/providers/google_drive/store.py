"""Who may see and change which file, and what a search finds."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipes_sandbox.google import pages
from pipes_sandbox.providers.google_drive import errors
from pipes_sandbox.providers.google_drive.model import ORGANIZERS, WRITERS, DriveFile, Permission, SharedDrive

_SORT_KEYS = {
    "createdTime": lambda file: file.created.timestamp(),
    "modifiedTime": lambda file: file.modified.timestamp(),
    "modifiedByMeTime": lambda file: file.modified.timestamp(),
    "viewedByMeTime": lambda file: file.viewed.timestamp() if file.viewed else 0.0,
    "sharedWithMeTime": lambda file: file.created.timestamp(),
    "recency": lambda file: file.modified.timestamp(),
    "quotaBytesUsed": lambda file: len(file.content),
    "starred": lambda file: not file.starred,
    "folder": lambda file: not file.mime_type.endswith(".folder"),
    "name": lambda file: file.name.lower(),
    "name_natural": lambda file: file.name.lower(),
}


@dataclass(frozen=True, slots=True)
class Person:
    """On whose behalf a call is made."""

    email: str
    only_by_app: bool = False
    """The scope drive.file: nothing but files made through this API."""


class DriveStore:
    def __init__(self, seed: Mapping[str, Any]) -> None:
        """Raises ValueError for a file that the seed describes wrongly."""
        self.files: dict[str, DriveFile] = {}
        self.drives: dict[str, SharedDrive] = {}
        self.incomplete_search = bool(seed.get("incomplete_search", False))
        for entry in seed.get("shared_drives") or ():
            self.drives[entry["id"]] = SharedDrive(entry["id"], entry["name"], dict(entry.get("members") or {}))
        for entry in seed.get("files") or ():
            self._load(entry)
        for entry in seed.get("generated") or ():
            for number in range(1, int(entry["count"]) + 1):
                filled = {
                    name: value.format(n=number) if isinstance(value, str) else value for name, value in entry.items()
                }
                self._load({name: value for name, value in filled.items() if name != "count"})

    def _load(self, entry: Mapping[str, Any]) -> None:
        try:
            text = str(entry.get("text", "")) * int(entry.get("repeat", 1))
            moment = datetime.fromisoformat(entry.get("modifiedTime", "2026-06-01T00:00:00.000Z"))
            home = entry.get("drive") or f"root:{entry['owner']}"
            self.files[entry["id"]] = DriveFile(
                id=entry["id"],
                name=entry["name"],
                mime_type=entry["mimeType"],
                owner=None if entry.get("drive") else entry["owner"],
                drive_id=entry.get("drive"),
                parents=list(entry.get("parents") or [home]),
                permissions=[Permission("user", role, who) for who, role in (entry.get("permissions") or {}).items()],
                content=base64.b64decode(entry["base64"]) if "base64" in entry else text.encode(),
                starred=bool(entry.get("starred", False)),
                trashed=bool(entry.get("trashed", False)),
                shortcut_to=entry.get("shortcutTo"),
                tabs=dict(entry.get("tabs") or {}),
                comments=[{"id": f"AAAA{index}", **each} for index, each in enumerate(entry.get("comments") or ())],
                created=moment,
                modified=moment,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"seed: {error} in file {entry!r}") from None

    def role(self, file: DriveFile, person: Person) -> str | None:
        """The person's role on the file; None when it is not visible to them."""
        if person.only_by_app and not file.by_app:
            return None
        if file.drive_id is not None:
            return self.drives[file.drive_id].members.get(person.email)
        if file.owner == person.email:
            return "owner"
        domain = person.email.rpartition("@")[2]
        for permission in file.permissions:
            own = permission.kind in ("user", "group") and permission.address == person.email
            if own or permission.kind == "anyone" or (permission.kind == "domain" and permission.address == domain):
                return permission.role
        return None

    def get(self, file_id: str, person: Person, *, all_drives: bool) -> DriveFile:
        """A shared drive's file is not found by a caller that does not say supportsAllDrives."""
        if file_id == "root":
            return DriveFile(
                id="root", name="My Drive", mime_type="application/vnd.google-apps.folder", owner=person.email
            )
        file = self.files.get(file_id)
        if file is None or self.role(file, person) is None or (file.drive_id is not None and not all_drives):
            raise errors.not_found(file_id)
        return file

    def writable(self, file_id: str, person: Person, *, all_drives: bool, organizer: bool = False) -> DriveFile:
        file = self.get(file_id, person, all_drives=all_drives)
        if self.role(file, person) not in (ORGANIZERS if organizer else WRITERS):
            raise errors.file_permission()
        return file

    def place(self, file: DriveFile, parents: list[str], person: Person, *, all_drives: bool) -> None:
        """Puts the file into its folder, which decides whether it lies in a shared drive."""
        parents = parents or ["root"]
        if len(parents) > 1:
            message = "A shared drive item must have exactly one parent."
            raise errors.refused(403, "teamDrivesParentLimit", message)
        where = parents[0]
        if where == "root":
            file.parents, file.drive_id, file.owner = [f"root:{person.email}"], None, person.email
        elif where in self.drives:
            if self.drives[where].members.get(person.email) not in WRITERS or not all_drives:
                raise errors.not_found(where)
            file.parents, file.drive_id, file.owner = [where], where, None
        else:
            folder = self.get(where, person, all_drives=all_drives)
            if self.role(folder, person) not in WRITERS:
                raise errors.file_permission()
            file.parents, file.drive_id = [where], folder.drive_id
            file.owner = None if folder.drive_id else person.email

    def corpus(self, person: Person, corpora: str, drive_id: str | None) -> Iterable[DriveFile]:
        for file in list(self.files.values()):
            if self.role(file, person) is None:
                continue
            if file.drive_id is None:
                if corpora in ("user", "domain", "allDrives"):
                    yield file
            elif corpora == "allDrives" or (corpora == "drive" and file.drive_id == drive_id):
                yield file


def ordered(files: list[DriveFile], order_by: str) -> list[DriveFile]:
    """Raises RefusalError 400 for a key that Drive does not sort by."""
    for part in reversed([part.strip() for part in order_by.split(",") if part.strip()]):
        key, _, direction = part.partition(" ")
        if key not in _SORT_KEYS or direction not in ("", "desc"):
            raise errors.invalid("orderBy")
        files.sort(key=_SORT_KEYS[key], reverse=direction == "desc")
    return files


def offset_of(token: str, mark: str) -> int:
    """Raises RefusalError 400 for a token that belongs to another request."""
    try:
        return pages.offset_of(token, mark)
    except pages.WrongPageError:
        raise errors.invalid("pageToken") from None
