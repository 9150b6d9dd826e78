"""What the front door needs of every stand-in behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.routing import Router


class Service(ABC):
    """One API that the sandbox stands in for, told from the others by host or, without one, by path."""

    name: str
    prefixes: tuple[str, ...]
    """Beginnings of the paths that are this service's when no host is named."""

    def __init__(self) -> None:
        self.router = Router()

    @abstractmethod
    def serves(self, host: str) -> bool:
        """Whether `host` (lower case, without a port) belongs to this service."""

    @abstractmethod
    def authenticate(self, call: Call) -> None:
        """Refuses a caller whose credential is unknown, expired, revoked or for somebody else."""

    @abstractmethod
    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        """The service's answer to a path it does not have (`allowed` empty) or a method the path lacks."""

    async def handle(self, call: Call) -> web.StreamResponse:
        try:
            self.authenticate(call)
            match = self.router.resolve(call.method, call.path)
            if isinstance(match, frozenset):
                raise self.unrouted(call, match)
            handler, call.parameters = match
            return await handler(call)
        except RefusalError as refused:
            return refused.response()

    async def describe(self) -> Any:
        """What it holds, for `/_sandbox/state`: counts and names, never a secret."""
        return {}

    async def close(self) -> None:  # noqa: B027 - most services hold nothing
        """Lets go of threads and files."""
