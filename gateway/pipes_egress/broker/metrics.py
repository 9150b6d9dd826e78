"""What the broker counts. No label holds what a caller has written."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


@dataclass
class Measured:
    reason: str = ""


class Metrics:
    """One registry for each broker, so that two in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "pipes_broker_calls", "Calls, by the reason of their denial.", ["reason"], registry=self.registry
        )
        self._turned_away = Counter(
            "pipes_broker_turned_away",
            "Requests turned away before a decision, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self._duration = Histogram(
            "pipes_broker_call_seconds", "Duration of calls.", ["allowed"], buckets=_SECONDS, registry=self.registry
        )
        self._stream = Gauge(
            "pipes_broker_stream_up", "1 while the stream of the session service is up.", registry=self.registry
        )

    @contextmanager
    def call(self) -> Iterator[Measured]:
        measured, began = Measured(), time.perf_counter()
        try:
            yield measured
        finally:
            self._calls.labels(measured.reason).inc()
            self._duration.labels("false" if measured.reason else "true").observe(time.perf_counter() - began)

    def turned_away(self, reason: str) -> None:
        self._turned_away.labels(reason).inc()

    def stream_is(self, *, connected: bool) -> None:
        self._stream.set(1 if connected else 0)

    def exposition(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self.registry)
