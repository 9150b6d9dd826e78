"""Vended credentials, shared by the calls of live sessions and dropped with the last of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pipes_api.clock import boottime
from pipes_api.grant import GrantedBinding
from pipes_api.resources import Connection

from .pipes import Vended

UNSTATED_SECONDS = 300.0
"""How long a credential is used whose end Pipes does not tell."""
LARGEST_MARGIN_SECONDS = 60.0

Vend = Callable[[str, Connection, str], Awaitable[Vended]]


@dataclass(frozen=True, slots=True)
class Key:
    """One connected account. Bindings that name the same one share its credential."""

    provider: str
    connection: Connection
    account: str

    @staticmethod
    def of(granted: GrantedBinding) -> "Key":
        return Key(granted.provider, granted.connection, granted.account)


@dataclass(slots=True)
class _Entry:
    vended: Vended
    until: float
    sessions: set[str] = field(default_factory=set)


class CredentialCache:
    """At most one vend at a time for an account; never beyond the credential's end, never beyond its sessions'."""

    def __init__(
        self, vend: Vend, clock: Callable[[], float] = boottime, wall: Callable[[], float] = time.time
    ) -> None:
        self._vend = vend
        self._clock = clock
        self._wall = wall
        self._entries: dict[Key, _Entry] = {}
        self._vending: dict[Key, asyncio.Task[Vended]] = {}
        self._waiting: dict[Key, dict[str, int]] = {}

    async def get(self, key: Key, session: str) -> Vended:
        """The credential, for a call of that session. A failed vend is nobody's success: the next call asks anew.

        Raises:
            Refused: of the vend.
        """
        entry = self._entries.get(key)
        if entry is not None and self._clock() < entry.until:
            entry.sessions.add(session)
            return entry.vended
        waiting = self._waiting.setdefault(key, {})
        waiting[session] = waiting.get(session, 0) + 1
        try:
            task = self._vending.get(key)
            if task is None:
                task = asyncio.create_task(self._renew(key))
                self._vending[key] = task
            # One caller that goes away must not take the vend from the others.
            return await asyncio.shield(task)
        finally:
            self._leave(key, session)

    def refuse(self, key: Key, vended: Vended) -> None:
        """The provider does not accept it: the next call gets another one."""
        entry = self._entries.get(key)
        if entry is not None and entry.vended is vended:
            del self._entries[key]

    def drop(self, session: str) -> None:
        """The session has ended; a credential that served no other is forgotten."""
        for waiting in self._waiting.values():
            waiting.pop(session, None)
        for key, entry in list(self._entries.items()):
            entry.sessions.discard(session)
            if not entry.sessions:
                del self._entries[key]

    def _leave(self, key: Key, session: str) -> None:
        waiting = self._waiting.get(key, {})
        if session in waiting:  # unless it was dropped meanwhile
            waiting[session] -= 1
            if waiting[session] == 0:
                del waiting[session]
        if not waiting:
            self._waiting.pop(key, None)

    async def close(self) -> None:
        self._entries.clear()
        for task in list(self._vending.values()):
            task.cancel()
        await asyncio.gather(*self._vending.values(), return_exceptions=True)

    async def _renew(self, key: Key) -> Vended:
        asked_at, asked_wall = self._clock(), self._wall()
        try:
            vended = await self._vend(key.provider, key.connection, key.account)
            sessions = set(self._waiting.get(key, ()))
            if sessions:
                self._entries[key] = _Entry(vended, asked_at + _lifetime(vended, asked_wall), sessions)
            return vended
        finally:
            self._vending.pop(key, None)


def _lifetime(vended: Vended, now: float) -> float:
    """Seconds of use, a margin before the end left for the call itself."""
    if vended.expires_at is None:
        return UNSTATED_SECONDS
    remaining = max(0.0, vended.expires_at - now)
    return remaining - min(LARGEST_MARGIN_SECONDS, remaining / 10)
