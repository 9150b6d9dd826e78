"""The File resource of a request: what it may say and what that changes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pipes_sandbox.providers.google_drive import errors
from pipes_sandbox.providers.google_drive.model import DriveFile
from pipes_sandbox.providers.google_drive.resource import KNOWN

_TEXTS = {"name": "name", "mimeType": "mime_type", "description": "description"}
_FLAGS = ("starred", "trashed")


def metadata(body: bytes) -> dict[str, Any]:
    """Raises RefusalError 400 for what is not a File resource."""
    try:
        members = json.loads(body) if body else {}
    except ValueError:
        raise errors.refused(400, "parseError", "Parse Error") from None
    if not isinstance(members, dict):
        raise errors.refused(400, "parseError", "Parse Error")
    for name in members:
        if name not in KNOWN["files"]:
            raise errors.refused(400, "badRequest", f'Invalid JSON payload received. Unknown name "{name}"')
    for name in ("id", *_TEXTS):
        if members.get(name) is not None and not isinstance(members[name], str):
            raise errors.refused(400, "badRequest", f"Invalid value at '{name}'")
    return members


def apply(file: DriveFile, members: dict[str, Any]) -> None:
    for name, attribute in _TEXTS.items():
        if members.get(name) is not None:
            setattr(file, attribute, members[name])
    for name in _FLAGS:
        if isinstance(members.get(name), bool):
            setattr(file, name, members[name])
    for name, values in (("properties", file.properties), ("appProperties", file.app_properties)):
        for key, value in (members.get(name) or {}).items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = str(value)
    target = (members.get("shortcutDetails") or {}).get("targetId")
    if target is not None:
        file.shortcut_to = str(target)
    if isinstance(members.get("modifiedTime"), str):
        try:
            file.modified = datetime.fromisoformat(members["modifiedTime"])
        except ValueError:
            raise errors.invalid("file.modifiedTime") from None
