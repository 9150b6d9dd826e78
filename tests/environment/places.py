"""Where everything of one environment lives, and which ports it has."""

import socket
from dataclasses import dataclass, field
from pathlib import Path

OPERATOR_NAMESPACE = "pipes-system"
TEAM = "team-a"
AGENT = "analyst"
ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Ports:
    operator: int = field(default_factory=free_port)
    operator_health: int = field(default_factory=free_port)
    broker: int = field(default_factory=free_port)
    broker_health: int = field(default_factory=free_port)
    sandbox: int = field(default_factory=free_port)
    gateway: int = field(default_factory=free_port)
    gateway_health: int = field(default_factory=free_port)


@dataclass(frozen=True)
class Places:
    """Files of an environment, all below the control plane's run folder, which goes as a whole."""

    root: Path

    def __post_init__(self) -> None:
        for folder in (self.root, self.tokens):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def tokens(self) -> Path:
        return self.root / "tokens"

    @property
    def ca(self) -> Path:
        """The operator's CA for gateway and broker."""
        return self.root / "ca.pem"

    @property
    def workos_key(self) -> Path:
        return self.root / "workos-key"

    @property
    def admin_token(self) -> Path:
        return self.root / "sandbox-admin-token"

    def kubeconfig(self, pod: str) -> Path:
        return self.root / f"{pod}.kubeconfig"

    def token(self, pod: str, audience: str) -> Path:
        return self.tokens / pod / audience
