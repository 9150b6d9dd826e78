"""The observer's record: every call, written down when it arrives and completed when it ends."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BODY_LIMIT = 64 * 1024
_WITHHELD_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-goog-drive-resource-keys"})
_SECRET_MEMBERS = re.compile(
    r'("(?:secret|client_secret|access_token|refresh_token|code_verifier|connect_code)"\s*:\s*)"(?:[^"\\]|\\.)*"?'
)


@dataclass(slots=True)
class RecordedCall:
    seq: int
    at: float
    monotonic: float
    service: str
    host: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    token: dict[str, Any] | None
    body: str = ""
    body_bytes: int = 0
    status: int | None = None
    duration_ms: float | None = None
    finished: bool = False
    aborted: bool = False
    fault: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def see_body(self, body: bytes) -> None:
        self.body_bytes = len(body)
        self.body = _SECRET_MEMBERS.sub(r'\1"(withheld)"', body[:BODY_LIMIT].decode("utf-8", "replace"))

    def end(self, status: int | None, *, aborted: bool = False) -> None:
        self.status = status
        self.aborted = aborted
        self.finished = not aborted
        self.duration_ms = round((time.monotonic() - self.monotonic) * 1000, 3)

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Recorder:
    """A bounded ring whose counts stay true when it overflows."""

    def __init__(self, keep: int) -> None:
        self._calls: deque[RecordedCall] = deque(maxlen=keep)
        self._last_seq = 0
        self._total = 0
        self._arrival = asyncio.Event()

    def arrived(
        self,
        *,
        service: str,
        host: str,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        token: dict[str, Any] | None,
    ) -> RecordedCall:
        self._last_seq += 1
        self._total += 1
        call = RecordedCall(
            seq=self._last_seq,
            at=time.time(),
            monotonic=time.monotonic(),
            service=service,
            host=host,
            method=method,
            path=path,
            query=query,
            headers={
                name: "(withheld)" if name.lower() in _WITHHELD_HEADERS else value for name, value in headers.items()
            },
            token=token,
        )
        self._calls.append(call)
        self._arrival.set()
        self._arrival = asyncio.Event()
        return call

    def since(self, seq: int, **equal: str) -> dict[str, Any]:
        """Calls with a higher number than `seq`, and counts: `total` arrived since the last reset,
        `dropped` of those that the ring no longer holds."""
        return {
            "total": self._total,
            "dropped": self._total - len(self._calls),
            "last_seq": self._last_seq,
            "now": time.time(),
            "monotonic": time.monotonic(),
            "calls": [
                call.as_json()
                for call in self._calls
                if call.seq > seq and all(getattr(call, name) == value for name, value in equal.items())
            ],
        }

    async def wait(self, seq: int, seconds: float) -> None:
        """Returns when a call with a higher number than `seq` has arrived, or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while self._last_seq <= seq:
                    await self._arrival.wait()
        except TimeoutError:
            return

    def reset(self) -> None:
        """Forgets the calls; numbering goes on, so that an observer's `since` stays good."""
        self._calls.clear()
        self._total = 0
