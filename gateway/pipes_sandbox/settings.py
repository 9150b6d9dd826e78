"""Settings of a sandbox process."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_API_KEY = "sk_test_sandbox"
DEFAULT_PORT = 8780


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one sandbox listens and behaves; everything it knows of the world comes from the seed."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0 takes a free port."""
    tls_port: int | None = None
    """Port for https beside plain http; absent means none. 0 takes a free port."""
    tls_directory: Path | None = None
    """Where `ca.pem` is written for clients; absent with `tls_port` means a temporary directory."""
    api_key: str = field(default=DEFAULT_API_KEY, repr=False)
    """The environment API key that Pipes calls must carry."""
    admin_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    """Bearer token of `/_sandbox/`."""
    seed: Path | None = None
    """YAML file with the world; absent means the one in the package."""
    token_lifetime: float = 3600.0
    """Seconds a vended access token lives."""
    synchronous_wait: float = 45.0
    """Seconds after which a synchronous Snowflake statement answers 202."""
    partition_rows: int = 2_000
    """Rows in one partition of a Snowflake result."""
    statement_threads: int = 8
    """Snowflake statements that run at the same time; more wait in line."""
    calls_kept: int = 20_000
    """Calls in the observer's record; older ones are dropped and counted."""
