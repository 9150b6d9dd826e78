"""The clock of leases: CLOCK_BOOTTIME, which goes on while a machine sleeps and cannot be set."""

import time

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS, for development, has only the latter


def boottime() -> float:
    """Seconds since boot, suspended time included."""
    return time.clock_gettime(_BOOTTIME)
