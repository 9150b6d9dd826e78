"""Settings of the broker."""

from pathlib import Path
from typing import Literal

from pipes_live.command import CannotRun

from ..settings import EgressSettings


class BrokerSettings(EgressSettings, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One broker, which serves every gateway of the cluster. Egress's own settings are in `EgressSettings`."""

    listen: str = "0.0.0.0"  # noqa: S104 - the callers are gateways in other pods
    port: int = 8444
    health_listen: str = "0.0.0.0"  # noqa: S104 - kubelet and Prometheus ask from outside the pod
    health_port: int = 8445
    """`/healthz`, `/readyz` and `/metrics`."""
    names: tuple[str, ...] = ("pipes-broker.pipes-system.svc",)
    """Names and addresses of the serving certificate; the operator signs only those it knows."""
    operator_url: str = ""
    ca_file: Path = Path("/var/run/pipes/ca/ca.crt")
    token_file: Path = Path("/var/run/secrets/pipes/operator/token")
    """The broker's own projected token, audience `pipes-operator`."""
    kubeconfig: Path | None = None
    """How to reach the API server for TokenReviews; absent means: as a pod of the cluster."""
    review_seconds: float = 60.0
    """How long a TokenReview's verdict is remembered, at most."""
    discover_seconds: float = 300.0
    """How often the tools of hosted MCP servers are read for bindings that leave it to the broker (`discover`)."""
    body_bytes: int = 8 * 1024 * 1024
    """Longest call that is accepted."""
    maximum_connections: int = 4_096
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class SettingsConflict(CannotRun):
    """Settings that do not go together, or name what cannot be read, in one line."""


def check(settings: BrokerSettings) -> None:
    """Raises:
    SettingsConflict: something is missing, or a file cannot be read.
    """
    if not settings.operator_url.startswith("https://"):
        raise SettingsConflict("operatorUrl must be the https URL of the session service")
    if not settings.workos_url.startswith("https://"):
        raise SettingsConflict("workosUrl must be an https URL")
    if settings.sandbox is not None and not settings.sandbox.startswith(("http://", "https://")):
        raise SettingsConflict("sandbox must be an http or https URL")
    if settings.workos_key_file is None:
        raise SettingsConflict("workosKeyFile must name the file with the WorkOS API key")
    if not 0 < settings.review_seconds <= 60:
        raise SettingsConflict("reviewSeconds must be above 0 and at most 60")
    if settings.discover_seconds < 10:
        raise SettingsConflict("discoverSeconds must be at least 10")
    files = {"workosKeyFile": settings.workos_key_file, "caFile": settings.ca_file, "tokenFile": settings.token_file}
    if settings.kubeconfig is not None:
        files["kubeconfig"] = settings.kubeconfig
    for name, file in files.items():
        try:
            content = file.read_bytes()
        except OSError as error:
            raise SettingsConflict(f"cannot read {name} {file}: {error.strerror}") from None
        if not content.strip():
            raise SettingsConflict(f"{name} {file} is empty")
