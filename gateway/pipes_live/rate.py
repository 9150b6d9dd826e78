"""Calls per minute: token buckets (one minute's worth may be used at once)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipes_api.clock import boottime

Owner = str
"""UID of the binding or session that a bucket goes away with."""


@dataclass(slots=True)
class _Bucket:
    per_minute: int
    left: float
    at: float


class RateLimiter:
    """Buckets by their owner's UID and a name; counts what this process executes."""

    def __init__(self, clock: Callable[[], float] = boottime) -> None:
        self._clock = clock
        self._buckets: dict[Owner, dict[str, _Bucket]] = {}

    def take(self, limits: Mapping[tuple[Owner, str], int]) -> float | None:
        """Take one call from each bucket, or from none of them; `limits` are calls per minute.

        Returns:
            None when it may go; else the seconds after which the next may.
        """
        if not limits:
            return None
        buckets = [self._filled(owner, name, per_minute) for (owner, name), per_minute in limits.items()]
        wait = max((_wait(bucket) for bucket in buckets), default=0.0)
        if wait > 0:
            return wait
        for bucket in buckets:
            bucket.left -= 1
        return None

    def forget(self, owner: Owner) -> None:
        """The binding is gone, or the session has ended."""
        self._buckets.pop(owner, None)

    def _filled(self, owner: Owner, name: str, per_minute: int) -> _Bucket:
        now = self._clock()
        mine = self._buckets.setdefault(owner, {})
        bucket = mine.get(name)
        if bucket is None or bucket.per_minute != per_minute:
            bucket = mine[name] = _Bucket(per_minute, float(per_minute), now)
        bucket.left = min(per_minute, bucket.left + (now - bucket.at) * per_minute / 60)
        bucket.at = now
        return bucket


def _wait(bucket: _Bucket) -> float:
    if bucket.left >= 1:
        return 0.0
    return (1 - bucket.left) * 60 / bucket.per_minute if bucket.per_minute > 0 else 60.0
