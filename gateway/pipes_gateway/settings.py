"""Settings of the gateway."""

from pathlib import Path
from typing import Literal

import msgspec

from pipes_live.command import CannotRun

from .listing import Discovery


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One gateway beside one agent. Seconds throughout."""

    listen: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses of the MCP endpoint; ::1 is left out where there is no IPv6."""
    port: int = 8765
    health_listen: str = "127.0.0.1"
    health_port: int = 8766
    """`/healthz`, `/readyz` and `/metrics`."""
    auth: Literal["pod", "bearer"] = "pod"
    mode: Literal["broker", "direct"] = "broker"
    operator_url: str = ""
    broker_url: str = ""
    ca_file: Path = Path("/var/run/pipes/ca/ca.crt")
    operator_token_file: Path = Path("/var/run/secrets/pipes/operator/token")
    broker_token_file: Path = Path("/var/run/secrets/pipes/broker/token")
    discovery: Discovery = "all"
    start_seconds: float = 10.0
    """Longest wait for the first snapshot before the endpoint opens with the own tools only."""
    call_seconds: float = 300.0
    maximum_connections: int = 512
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    # For `mode: direct`; the names and meanings are egress's.
    workos_url: str = "https://api.workos.com"
    workos_key_file: Path | None = None
    sandbox: str | None = None
    allowed_hosts: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    allowed_addresses: tuple[str, ...] = ()
    hosted_answer_bytes: int = 4 * 1024 * 1024
    hosted_list_seconds: float = 60.0


class SettingsConflict(CannotRun):
    """Settings that do not go together, in one line."""


def check(settings: GatewaySettings) -> None:
    """Raises:
    SettingsConflict: something is missing, or not served yet.
    """
    if settings.auth == "bearer":
        raise SettingsConflict("auth: bearer is not served by this version; run the gateway in the agent's pod")
    if not settings.operator_url.startswith("https://"):
        raise SettingsConflict("operatorUrl must be the https URL of the session service")
    if settings.mode == "broker" and not settings.broker_url.startswith("https://"):
        raise SettingsConflict("brokerUrl must be the https URL of the broker, or mode must be direct")
    if settings.mode == "direct" and settings.workos_key_file is None:
        raise SettingsConflict("mode: direct needs workosKeyFile, a file with the WorkOS API key")
    if not settings.listen:
        raise SettingsConflict("listen must hold an address")
