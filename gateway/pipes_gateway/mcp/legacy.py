"""Sessions of the revisions with a handshake. They carry no authority: who may call is decided on every call."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .jsonrpc import Id

MAXIMUM_SESSIONS = 512
MAXIMUM_STREAMS = 64
STREAMS_A_SESSION = 4
IDLE_SECONDS = 15 * 60.0
SPARED_SECONDS = 60.0
"""A session that was used so lately is not thrown out for a new one."""


class Full(Exception):  # noqa: N818 - reads as what happened
    """There are as many as there may be; the caller comes back later."""


@dataclass(slots=True, eq=False)
class McpSession:
    """One `initialize` and what came after it. `running` holds tasks by request id: a client may use one twice."""

    id: str
    version: str
    used_at: float
    used: bool = False
    streams: int = 0
    running: dict[Id, set[asyncio.Task[Any]]] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        return self.streams > 0 or bool(self.running)

    def started(self, request_id: Id, task: asyncio.Task[Any]) -> None:
        tasks = self.running.setdefault(request_id, set())
        tasks.add(task)
        task.add_done_callback(lambda done: self._ended(request_id, done))

    def cancel(self, request_id: Id) -> None:
        """The client sent `notifications/cancelled`."""
        for task in list(self.running.get(request_id, ())):
            task.cancel()

    def _ended(self, request_id: Id, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()  # looked at, since nobody else may be left to do so
        tasks = self.running.get(request_id)
        if tasks is not None:
            tasks.discard(task)
            if not tasks:
                del self.running[request_id]


class McpSessions:
    """All of them: bounded in number, and forgotten when idle, since most clients never send DELETE."""

    def __init__(self, clock: Callable[[], float], maximum: int = MAXIMUM_SESSIONS) -> None:
        self._clock = clock
        self._maximum = maximum
        self._sessions: dict[str, McpSession] = {}
        self.streams = 0

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, version: str) -> McpSession:
        """A new session.

        Raises:
            Full: every session is in use, or was a moment ago.
        """
        now = self._clock()
        if len(self._sessions) >= self._maximum:
            self._make_room(now)
        session = McpSession(secrets.token_urlsafe(24), version, now)
        self._sessions[session.id] = session
        return session

    def find(self, session_id: str) -> McpSession | None:
        """The session of that id, which counts as used now."""
        session = self._sessions.pop(session_id, None)
        if session is None or self._is_idle(session, self._clock()):
            return None
        session.used_at, session.used = self._clock(), True
        self._sessions[session_id] = session  # the last used is the last in order
        return session

    def close(self, session: McpSession) -> None:
        """The client ended it; what it has running is cancelled."""
        self._sessions.pop(session.id, None)
        for request_id in list(session.running):
            session.cancel(request_id)

    def open_stream(self, session: McpSession) -> None:
        """Raises:
        Full: this session, or this server, has as many streams as it may have.
        """
        if session.streams >= STREAMS_A_SESSION or self.streams >= MAXIMUM_STREAMS:
            raise Full
        session.streams += 1
        self.streams += 1

    def close_stream(self, session: McpSession) -> None:
        session.streams -= 1
        self.streams -= 1
        session.used_at = self._clock()

    def forget_idle(self) -> None:
        now = self._clock()
        for session in [each for each in self._sessions.values() if self._is_idle(each, now)]:
            del self._sessions[session.id]

    def _make_room(self, now: float) -> None:
        """Those that never got beyond `initialize` go first, then those unused for a minute; the oldest of each."""
        free = [each for each in self._sessions.values() if not each.busy]
        oldest = next((each for each in free if not each.used), None) or next(
            (each for each in free if now - each.used_at > SPARED_SECONDS), None
        )
        if oldest is None:
            raise Full
        del self._sessions[oldest.id]

    def _is_idle(self, session: McpSession, now: float) -> bool:
        return not session.busy and now - session.used_at > IDLE_SECONDS
