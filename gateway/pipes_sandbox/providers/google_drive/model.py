"""Files, folders and shared drives."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

GOOGLE = "application/vnd.google-apps."
FOLDER = GOOGLE + "folder"
DOCUMENT = GOOGLE + "document"
SPREADSHEET = GOOGLE + "spreadsheet"
PRESENTATION = GOOGLE + "presentation"
SHORTCUT = GOOGLE + "shortcut"

WRITERS = frozenset({"owner", "organizer", "fileOrganizer", "writer"})
ORGANIZERS = frozenset({"owner", "organizer"})


def now() -> datetime:
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id() -> str:
    return "1" + secrets.token_urlsafe(24)


@dataclass(slots=True)
class Permission:
    kind: str
    """user, group, domain or anyone."""
    role: str
    address: str = ""
    """E-mail address or domain."""

    @property
    def id(self) -> str:
        if self.kind == "anyone":
            return "anyoneWithLink"
        digits = int(hashlib.sha256(f"{self.kind}:{self.address}".encode()).hexdigest()[:16], 16)
        return f"{digits:020d}"


@dataclass(slots=True, kw_only=True)
class DriveFile:
    name: str
    id: str = field(default_factory=new_id)
    mime_type: str = "application/octet-stream"
    owner: str | None = None
    """E-mail address; None for what lies in a shared drive, which has no owner."""
    drive_id: str | None = None
    parents: list[str] = field(default_factory=list)
    permissions: list[Permission] = field(default_factory=list)
    content: bytes = b""
    """Markdown of a document, CSV of a sheet, plain text of slides, else the bytes themselves."""
    description: str | None = None
    starred: bool = False
    trashed: bool = False
    shortcut_to: str | None = None
    tabs: dict[str, str] = field(default_factory=dict)
    """CSV of a spreadsheet's further sheets, by name; the first is `content`."""
    comments: list[dict[str, Any]] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    app_properties: dict[str, str] = field(default_factory=dict)
    by_app: bool = False
    """Made through this API, which is all that the scope drive.file may see."""
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)
    viewed: datetime | None = None
    version: int = 1

    @property
    def editor(self) -> bool:
        """A Docs Editors file: exported, never downloaded."""
        return self.mime_type.startswith(GOOGLE)

    @property
    def text(self) -> str:
        """What full text search sees."""
        readable = self.editor or self.mime_type.startswith("text/") or self.mime_type == "application/json"
        return self.content[:1_000_000].decode("utf-8", "replace") if readable else ""

    def touch(self) -> None:
        self.modified = now()
        self.version += 1


@dataclass(slots=True)
class SharedDrive:
    id: str
    name: str
    members: dict[str, str]
    """E-mail address to role: organizer, fileOrganizer, writer, commenter or reader."""
    created: datetime = field(default_factory=now)
