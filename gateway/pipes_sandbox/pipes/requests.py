"""Members of a request body, with WorkOS's refusals when they are missing or of the wrong type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipes_sandbox.call import Call
from pipes_sandbox.pipes import errors


@dataclass(frozen=True, slots=True)
class Body:
    members: dict[str, Any]

    @classmethod
    def of(cls, call: Call) -> Body:
        try:
            members = call.json()
        except ValueError:
            raise errors.refused(400, "invalid_request", "The request body is not valid JSON.") from None
        if not isinstance(members, dict):
            raise errors.refused(400, "invalid_request", "The request body must be a JSON object.")
        return cls(members)

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise errors.invalid(name, "is required")
        return value

    def text(self, name: str) -> str | None:
        value = self.members.get(name)
        if value is not None and not isinstance(value, str):
            raise errors.invalid(name, "must be a string")
        return value

    def flag(self, name: str) -> bool:
        value = self.members.get(name, False)
        if value is not None and not isinstance(value, bool):
            raise errors.invalid(name, "must be a boolean")
        return bool(value)

    def texts(self, name: str) -> list[str] | None:
        value = self.members.get(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise errors.invalid(name, "must be a list of strings")
        return value

    def mapping(self, name: str) -> dict[str, Any] | None:
        value = self.members.get(name)
        if value is not None and not isinstance(value, dict):
            raise errors.invalid(name, "must be an object")
        return value
