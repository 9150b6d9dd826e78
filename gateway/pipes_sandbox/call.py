"""One arriving request, as the services see it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

HOST_HEADER = "Pipes-Sandbox-Host"
"""Names the host the caller meant, since the connection itself goes to the sandbox."""


class RefusalError(Exception):
    """A service's own error answer, raised from any depth of a handler."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = body
        self.headers = headers or {}

    def response(self) -> web.Response:
        return web.json_response(self.body, status=self.status, headers=self.headers)


@dataclass(slots=True)
class Call:
    request: web.Request
    host: str
    """The host the caller meant; empty when an official client was pointed straight at the sandbox."""
    path: str
    """As sent, undecoded, without the query."""
    body: bytes
    parameters: dict[str, str] = field(default_factory=dict)
    """Decoded path parameters of the matched route."""

    @property
    def method(self) -> str:
        return self.request.method

    def query(self, name: str, default: str = "") -> str:
        return self.request.query.get(name, default)

    def header(self, name: str, default: str = "") -> str:
        return self.request.headers.get(name, default)

    def bearer(self) -> str | None:
        scheme, _, token = self.header("Authorization").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None

    def json(self) -> Any:
        """The parsed body; an absent body is an empty object.

        Raises ValueError when it is not JSON.
        """
        return json.loads(self.body) if self.body else {}


def flag(value: str) -> bool:
    """A query parameter that is a boolean in words."""
    return value.lower() in ("true", "1", "yes")
