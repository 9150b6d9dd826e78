"""What the APIs of Docs and Sheets share: whose file it is, and their words for no."""

from __future__ import annotations

from typing import Any

from pipes_sandbox.call import Call
from pipes_sandbox.google.errors import canonical
from pipes_sandbox.providers.google_drive.model import WRITERS, DriveFile
from pipes_sandbox.providers.google_drive.store import DriveStore, Person


def opened(store: DriveStore, file_id: str, person: Person, mime_type: str, *, change: bool = False) -> DriveFile:
    """The person's document of that kind. Unlike Drive, these APIs tell "not allowed" from "not there"."""
    file = store.files.get(file_id)
    if file is None:
        raise canonical(404, "Requested entity was not found.")
    role = store.role(file, person)
    if role is None or (change and role not in WRITERS):
        raise canonical(403, "The caller does not have permission")
    if file.mime_type != mime_type:
        message = "This operation is not supported for this document"
        raise canonical(400, message, status="FAILED_PRECONDITION")
    return file


def body_of(call: Call) -> dict[str, Any]:
    try:
        body = call.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise canonical(400, "Invalid JSON payload received.")
    return body
