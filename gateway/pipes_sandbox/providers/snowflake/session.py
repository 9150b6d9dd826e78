"""What a statement runs as: each request to the SQL API is a session of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    user: str
    account: str
    role: str
    writes: bool
    """Whether the role may change data."""
    warehouse: str
    database: str | None
    schema: str | None
    warehouses: tuple[str, ...] = ()
    timezone: str = "UTC"
