"""Settings of the session service, as the operator's own settings fill them in."""

import msgspec


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Names and limits.

    Attributes:
        namespace: the operator's own.
        issuer: `iss` of session tokens.
        listen, port: where to serve; port 0 takes a free one.
        extra_names: DNS names and addresses of the serving certificate, beside the Service's and loopback.
        broker_user: user name of the broker's ServiceAccount (`system:serviceaccount:<namespace>:<name>`).
        broker_names: the only names a broker's certificate may carry.
        lease_seconds: life of a lease; renewed at a third of it.
        proof_seconds: how old the proof of a current view may be while leases are minted.
        heartbeat_seconds: pause between heartbeats on a stream.
        review_seconds: how often the caller of a stream is reviewed again.
        pending_cap: undecided requests of one ServiceAccount.
        retention_seconds: how long a finished session is shown.
        pod_gone_seconds: how long a pod's stream may be closed before the pod itself is looked at.
        buffer_bytes: what may wait for a slow reader before it is cut.
    """

    namespace: str = "pipes-system"
    issuer: str = "https://pipes-operator.pipes-system.svc"
    listen: str = "0.0.0.0"  # noqa: S104 - the callers are other pods
    port: int = 8443
    extra_names: tuple[str, ...] = ()
    broker_user: str = "system:serviceaccount:pipes-system:broker"
    broker_names: tuple[str, ...] = ("pipes-broker.pipes-system.svc", "localhost", "127.0.0.1")
    lease_seconds: float = 60.0
    proof_seconds: float = 10.0
    heartbeat_seconds: float = 3.0
    review_seconds: float = 300.0
    pending_cap: int = 5
    retention_seconds: float = 86400.0
    pod_gone_seconds: float = 15.0
    buffer_bytes: int = 1 << 20

    def serving_names(self) -> tuple[str, ...]:
        """Every name under which the service is reached, the Service's first."""
        service = f"pipes-operator.{self.namespace}.svc"
        names = (service, f"{service}.cluster.local", "localhost", "127.0.0.1", "::1", *self.extra_names)
        return tuple(dict.fromkeys(names))
