"""Settings of the operator: one YAML file, then `PIPES_…` variables over it. The chart renders the file."""

from pathlib import Path

import msgspec


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Every field has a default that suits a cluster; all numbers named `…Seconds` are seconds."""

    namespace: str = "pipes-system"
    """Where the operator keeps its Lease, Secrets, records and heartbeat objects."""

    service_account: str = "operator"
    """Its own ServiceAccount there: the admission policies name it."""

    kubeconfig: Path | None = None
    """Absent: the pod's own ServiceAccount."""

    namespaces: tuple[str, ...] = ()
    """Namespaces served; empty is all of them. Each listed one needs its own pair of heartbeat objects."""

    catalog_directory: Path | None = None
    """Provider catalogs besides the shipped ones' place."""

    # -- sessions
    request_timeout_seconds: float = 3600.0
    """How long a request waits for a person."""

    activation_window_seconds: float = 600.0
    """How much longer a session that was approved in time may take to become Active."""

    born_approved_seconds: float = 60.0
    """How old a session that was created already approved may be when it becomes Active."""

    retention_seconds: float = 86_400.0
    """How long a finished session is kept."""

    maximum_duration_seconds: float = 86_400.0
    """No session lasts longer, whatever is asked for; the CRD's own ceiling is a day."""

    pending_cap: int = 5
    """Requests of one ServiceAccount that may wait for a person at once."""

    # -- being sure
    lease_seconds: float = 60.0
    """Life of a session token."""

    leadership_seconds: float = 15.0
    """How long a leader that died keeps others waiting; well inside a session token's life."""

    instance: str = ""
    """A name that no other running operator has, like its pod's UID: a container that is started again in that pod
    takes its own leadership back at once. Empty: a new name at each start, which waits for the old one to run out."""

    heartbeat_seconds: float = 3.0
    proof_seconds: float = 10.0
    """How old the proof of a current view, or of policies in force, may be."""

    relist_seconds: float = 30.0
    stale_seconds: float = 60.0
    """After so long without a current view the liveness probe fails."""

    policy_check_seconds: float = 4.0
    stamping: bool | None = None
    """Whether the mutating policy that writes `by` and `requestedBy` belongs to the installation.

    Absent: it does where the API server has such policies (Kubernetes 1.36+)."""

    # -- Pipes
    workos_url: str = "https://api.workos.com"
    workos_key_file: Path | None = None
    sandbox: str | None = None
    """URL of a sandbox; while set, nothing else is asked about connections."""

    allowed_hosts: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Hosts beyond the catalog's, by provider."""

    relay: bool = False
    """Early access: whether bindings may have their calls sent through Pipes' relay (`credential: Relay`)."""

    connection_check_seconds: float = 60.0

    # -- session service
    listen: str = "0.0.0.0"  # noqa: S104 - a Service in front of the pod selects who reaches it
    port: int = 8443
    issuer: str = ""
    """`iss` of session tokens; empty is `https://pipes-operator.<namespace>.svc`."""

    service_names: tuple[str, ...] = ()
    """Further DNS names or addresses in the service's certificate."""

    broker_service_account: str = ""
    """`<namespace>:<name>` of the broker; empty is `<namespace>:broker` of the operator's namespace."""

    broker_names: tuple[str, ...] = ()
    """DNS names the broker may have in its certificate; empty is `pipes-broker.<namespace>.svc`."""

    ca_bundle_file: Path | None = None
    """Where to write the CA for gateways and broker outside the cluster; in a cluster the chart mounts it."""

    # -- probes
    health_listen: str = "0.0.0.0"  # noqa: S104 - probed by the kubelet
    health_port: int = 8080

    workers: int = 16
    """Sessions and bindings decided on at the same time."""

    log_level: str = "INFO"

    @property
    def identity(self) -> str:
        """The user name under which the API server knows the operator."""
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"

    @property
    def issuer_url(self) -> str:
        return self.issuer or f"https://pipes-operator.{self.namespace}.svc"

    @property
    def broker_identity(self) -> str:
        """The user name under which the API server knows the broker."""
        return f"system:serviceaccount:{self.broker_service_account or f'{self.namespace}:broker'}"
