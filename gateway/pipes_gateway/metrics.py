"""What the gateway counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """One registry for each gateway, so that two in one process do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "pipes_gateway_calls",
            "Provider calls, by the reason of their denial; empty when allowed.",
            ["reason"],
            registry=self.registry,
        )
        self._duration = Histogram(
            "pipes_gateway_call_seconds",
            "Duration of provider calls, by whether they were allowed.",
            ["allowed"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._stream = Gauge(
            "pipes_gateway_stream_up", "1 while the stream of the session service is up.", registry=self.registry
        )
        self._mcp_sessions = Gauge(
            "pipes_gateway_mcp_sessions", "Open MCP sessions of revisions with a handshake.", registry=self.registry
        )

    def called(self, reason: str, seconds: float) -> None:
        self._calls.labels(reason).inc()
        self._duration.labels("false" if reason else "true").observe(seconds)

    def stream_is(self, *, connected: bool) -> None:
        self._stream.set(1 if connected else 0)

    def mcp_sessions_are(self, count: int) -> None:
        self._mcp_sessions.set(count)

    def exposition(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self.registry)
