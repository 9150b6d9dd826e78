"""Calls per minute of a binding: a token bucket (one minute's worth may be used at once)."""

from collections.abc import Callable
from dataclasses import dataclass

from pipes_api.clock import boottime
from pipes_api.messages import BindingView


@dataclass(slots=True)
class _Bucket:
    per_minute: int
    left: float
    at: float


class RateLimiter:
    """One bucket for each binding, by its UID; counts what this process executes."""

    def __init__(self, clock: Callable[[], float] = boottime) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, binding: BindingView) -> float | None:
        """Take one call. None when it may go; else the seconds after which the next may."""
        limit = binding.calls_per_minute
        if limit is None:
            self._buckets.pop(binding.uid, None)
            return None
        now = self._clock()
        bucket = self._buckets.get(binding.uid)
        if bucket is None or bucket.per_minute != limit:
            bucket = self._buckets[binding.uid] = _Bucket(limit, float(limit), now)
        bucket.left = min(limit, bucket.left + (now - bucket.at) * limit / 60)
        bucket.at = now
        if bucket.left >= 1:
            bucket.left -= 1
            return None
        return (1 - bucket.left) * 60 / limit if limit > 0 else 60.0

    def forget(self, uid: str) -> None:
        """The binding is gone."""
        self._buckets.pop(uid, None)
