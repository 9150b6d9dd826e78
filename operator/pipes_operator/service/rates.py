"""A token bucket on CLOCK_BOOTTIME."""

from collections.abc import Callable

from pipes_api.clock import boottime


class Rate:
    """So many a second, and as many at once."""

    def __init__(self, per_second: float, clock: Callable[[], float] = boottime) -> None:
        self._per_second = per_second
        self._clock = clock
        self._at = clock()
        self._left = per_second

    def wait_seconds(self) -> float:
        """0 and one taken, or how long until one is there."""
        clock = self._clock()
        self._left = min(self._left + (clock - self._at) * self._per_second, self._per_second)
        self._at = clock
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._per_second
