"""The grant: what a session effectively allows, and the hash a person approves."""

from collections.abc import Mapping
from typing import Any

import msgspec

from . import canonical
from .resources import Access, Agent, Connection, Limits, Value, plain

HASH_PREFIX = "g1-"


class GrantedBinding(Value, forbid_unknown_fields=True):
    """What one binding allows.

    `tools` maps an advertised tool name to the hash of its definition.
    `hosts` are the only host patterns that a call may reach (`*.snowflakecomputing.com`).
    """

    name: str
    uid: str
    provider: str
    catalog: str
    connection: Connection
    account: str
    access: Access
    tools: dict[str, str]
    hosts: tuple[str, ...] = ()
    endpoint: dict[str, str] = msgspec.field(default_factory=dict)


class Grant(Value, forbid_unknown_fields=True):
    """Everything a session allows. A reader that meets a field it does not know refuses the grant.

    `uid` is the session's; `duration` is in seconds.
    """

    uid: str
    agent: Agent
    duration: int
    reason: str
    bindings: tuple[GrantedBinding, ...]
    limits: Limits = Limits()

    def binding(self, name: str) -> GrantedBinding | None:
        return next((each for each in self.bindings if each.name == name), None)


def read(data: Mapping[str, Any]) -> Grant:
    """Read a grant from plain JSON data.

    Raises:
        msgspec.ValidationError: a field is missing, of another type, or unknown.
    """
    return msgspec.convert(data, Grant)


def grant_hash(grant: Grant) -> str:
    """`g1-` and 26 base32 characters of SHA-256 over the grant's canonical JSON."""
    return HASH_PREFIX + canonical.digest(plain(grant))
