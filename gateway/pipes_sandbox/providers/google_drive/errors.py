"""Error answers of Drive."""

from __future__ import annotations

from pipes_sandbox.call import RefusalError
from pipes_sandbox.google.errors import refused

__all__ = ["file_permission", "invalid", "not_found", "refused"]


def invalid(parameter: str, message: str = "Invalid Value") -> RefusalError:
    return refused(400, "invalid", message, location=parameter)


def not_found(file_id: str) -> RefusalError:
    return refused(404, "notFound", f"File not found: {file_id}.", location="fileId")


def file_permission(message: str = "The user does not have sufficient permissions for this file.") -> RefusalError:
    """The person may not do this to this file, whatever the scopes."""
    return refused(403, "insufficientFilePermissions", message)
