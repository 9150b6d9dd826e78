"""Settings of egress; a process that runs it adds its own."""

from pathlib import Path

import msgspec


class EgressSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How credentials are had and providers are reached. Seconds and bytes throughout."""

    workos_url: str = "https://api.workos.com"
    workos_key_file: Path | None = None
    """File with the WorkOS API key; read again for every vend, so that it can be rotated."""
    sandbox: str | None = None
    """URL of a sandbox. While it is set every request goes there, and nothing else is dialled."""
    allowed_hosts: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Host patterns beyond the catalog's, by provider."""
    allowed_addresses: tuple[str, ...] = ()
    """Networks (CIDR) that may be dialled although they are private, loopback or link-local."""
    call_seconds: float = 300.0
    """Longest a call may take in all."""
    connect_seconds: float = 5.0
    silence_seconds: float = 60.0
    """Longest a provider may say nothing within an answer."""
    answer_seconds: float = 120.0
    """Longest an answer may take from its first byte to its last."""
    vend_seconds: float = 10.0
    answer_bytes: int = 32 * 1024 * 1024
    """Longest answer of a provider, after decompression; more is an error."""
    hosted_answer_bytes: int = 4 * 1024 * 1024
    """Longest result of a hosted MCP server; more is an error, since what is passed on whole cannot be cut."""
    hosted_list_seconds: float = 60.0
    """How old may be what a hosted MCP server is known to list, when one of its tools is called."""
    session_calls: int = 8
    """Calls of one session that are under way at once; more wait, so that no session has all connections."""
    connections: int = 100
    connections_per_host: int = 32
    judge_workers: int = 2
    judge_seconds: float = 2.0
    """Processor and wall time of one judgement."""
