"""The grant: what a session effectively allows, and the hash a person approves."""

from collections.abc import Mapping
from typing import Any

import msgspec

from . import canonical
from .resources import Access, Agent, Connection, CredentialMode, Limits, OnBehalfOf, ToolLimits, Value, plain

HASH_PREFIX = "g1-"


class GrantedCall(Value, forbid_unknown_fields=True):
    """One exact call: the advertised tool, and its arguments as canonical JSON text."""

    tool: str
    arguments: str

    @property
    def id(self) -> str:
        """Names it in budgets. Two equal calls of a grant are one."""
        return canonical.digest(plain(self))


class GrantedBinding(Value, forbid_unknown_fields=True):
    """What one binding allows.

    `tools` maps an advertised tool name to the hash of its definition.
    `hosts` are the only host patterns that a call may reach (`*.snowflakecomputing.com`).
    `restrict` maps an advertised tool name to a JSON Schema its arguments must satisfy too.
    `calls`, if any, are the only calls allowed, each once; `tools` then holds their tools.
    `limits` are ceilings of single tools, by advertised name.
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
    credential: CredentialMode = CredentialMode.TOKEN
    restrict: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    calls: tuple[GrantedCall, ...] = ()
    limits: dict[str, ToolLimits] = msgspec.field(default_factory=dict)


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
    on_behalf_of: OnBehalfOf | None = None

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
