"""AgentSession and ProviderBinding as typed, frozen values.

The CRDs in `crds/*.yaml` are the schema; these types read what the API server
has accepted. Unknown fields are ignored here, since the API server prunes them.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, dataclass_transform

import msgspec

from .states import SessionState


@dataclass_transform(field_specifiers=(msgspec.field,), frozen_default=True, kw_only_default=True)
class _ValueType(msgspec.StructMeta):
    """Tells type checkers what `Value` passes on to its subclasses."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> type:
        # msgspec inherits every option but this one.
        return super().__new__(mcls, name, bases, namespace, **{"kw_only": True, **options})


class Value(msgspec.Struct, metaclass=_ValueType, frozen=True, rename="camel", omit_defaults=True):
    """Base of every value that travels as JSON: keyword-only, camelCase names, absent when at its default."""


class Access(StrEnum):
    """What a binding may be used for. WRITE includes READ."""

    READ = "Read"
    WRITE = "Write"

    def covers(self, needed: "Access") -> bool:
        return self is Access.WRITE or needed is Access.READ

    def at_most(self, ceiling: "Access") -> "Access":
        return self if ceiling.covers(self) else ceiling


class Metadata(Value):
    name: str
    namespace: str
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None


class Condition(Value):
    """Kubernetes condition. `status` is `True`, `False` or `Unknown`."""

    type: str
    status: str
    reason: str
    message: str = ""
    last_transition_time: datetime | None = None
    observed_generation: int | None = None


# -- AgentSession ------------------------------------------------------------


class Agent(Value):
    """Whom a session is for. Without `pod_uid` the operator binds it to a pod; `shared` serves every pod."""

    service_account_name: str
    pod_uid: str | None = msgspec.field(default=None, name="podUID")
    shared: bool = False


class ExactCall(Value):
    """One call that may be made once: `arguments` is their canonical JSON (RFC 8785), as the approver sees it."""

    tool: str
    arguments: str


class RequestedBinding(Value):
    """`calls`: exactly these, each once, instead of tools."""

    name: str
    access: Access = Access.READ
    tools: tuple[str, ...] | None = None
    calls: tuple[ExactCall, ...] | None = None


class OnBehalfOf(Value):
    """The person whose connections a session uses, where bindings leave that to the session. Never set by an agent."""

    user_id: str
    organization_id: str | None = None


class ApprovedBinding(Value):
    """`None` means: as requested."""

    name: str
    access: Access | None = None
    tools: tuple[str, ...] | None = None


class Limits(Value):
    """Budget of a session. `None` means no limit."""

    max_calls: int | None = None
    max_writes: int | None = None

    def at_most(self, other: "Limits | None") -> "Limits":
        """The narrower of the two, field by field."""
        if other is None:
            return self
        return Limits(
            max_calls=_least(self.max_calls, other.max_calls), max_writes=_least(self.max_writes, other.max_writes)
        )


class Approval(Value):
    decision: Literal["Approved", "Denied"]
    by: str = ""
    note: str | None = None
    grant_hash: str | None = None
    duration: str | None = None
    bindings: tuple[ApprovedBinding, ...] | None = None
    limits: Limits | None = None


class Revocation(Value):
    by: str = ""
    reason: str | None = None


class AgentSessionSpec(Value):
    agent: Agent
    bindings: tuple[RequestedBinding, ...]
    duration: str
    reason: str
    requested_by: str = ""
    on_behalf_of: OnBehalfOf | None = None
    limits: Limits | None = None
    approval: Approval | None = None
    revocation: Revocation | None = None


class BoundPod(Value):
    name: str
    uid: str
    image: str = ""


class Usage(Value):
    """Calls and writes are reserved before they are sent, so a crash can only overstate them.

    `tools` counts, by advertised name, the calls of tools with a budget of their own; `exact` holds the ids of the
    exact calls that are spent.
    """

    calls: int = 0
    writes: int = 0
    denied: int = 0
    tools: dict[str, int] = msgspec.field(default_factory=dict)
    exact: tuple[str, ...] = ()


class AgentSessionStatus(Value):
    state: SessionState | None = None
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0
    grant: dict[str, Any] | None = None
    grant_hash: str | None = None
    summary: tuple[str, ...] = ()
    approve_with: str = ""
    providers: str = ""
    access: str = ""
    calls: str = ""
    approved_by: str = ""
    approved_at: datetime | None = None
    activated_at: datetime | None = None
    request_expires_at: datetime | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    bound_pod: BoundPod | None = None
    usage: Usage | None = None


class AgentSession(Value):
    metadata: Metadata
    spec: AgentSessionSpec
    status: AgentSessionStatus = AgentSessionStatus()


# -- ProviderBinding ---------------------------------------------------------


class ConnectionOwner(StrEnum):
    USER = "User"
    ORGANIZATION = "Organization"


class Connection(Value):
    """One connected account in Pipes: whose it is, and which of several.

    With `from_session` a binding leaves the user to the session (`spec.onBehalfOf`); in a grant the user is filled in.
    """

    user_id: str = ""
    from_session: bool = False
    organization_id: str | None = None
    owner: ConnectionOwner = ConnectionOwner.USER
    connected_account_id: str | None = None


class HostedServer(Value):
    """The provider's own remote MCP server, `spec.tools.mcp`.

    Its tools are those pinned in `tools` (as `tools/list` gives them), or, with `discover`, those that the broker
    reads from it before anybody approves. `access` says which of them only read; one it does not name writes.
    """

    url: str
    discover: bool = False
    access: dict[str, Access] = msgspec.field(default_factory=dict)
    tools: tuple[dict[str, Any], ...] | None = None


class OpenRequests(Value):
    """For the catalog `http`: under which path prefixes (whole segments) a GET only reads. Nothing else does."""

    read_prefixes: tuple[str, ...] = ()


class BindingTools(Value):
    """Tool names are the catalog's (`query`) or the advertised ones (`snowflake_query`).

    `custom` are further tools in the catalog's own schema; `mcp` replaces catalog and custom by a hosted server.
    """

    catalog: str | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    custom: tuple[dict[str, Any], ...] | None = None
    mcp: HostedServer | None = None
    http: OpenRequests | None = None


class ToolLimits(Value):
    """Ceilings of one tool: in a session, and in a minute of one. None means no limit of its own."""

    max_calls: int | None = None
    calls_per_minute: int | None = None


class CredentialMode(StrEnum):
    """How calls are authenticated: with the provider's credential vended by Pipes, or injected by Pipes' relay."""

    TOKEN = "Token"  # noqa: S105 - the name of a mode
    RELAY = "Relay"


class BindingLimits(Value):
    """Ceilings. `max_calls` bounds the budget of any session that uses the binding."""

    max_access: Access = Access.READ
    max_duration: str | None = None
    max_calls: int | None = None
    calls_per_minute: int | None = None
    allowed_service_accounts: tuple[str, ...] | None = None
    tools: dict[str, ToolLimits] | None = None


class ProviderBindingSpec(Value):
    """`restrict` maps a tool to a JSON Schema (2020-12) that its arguments must satisfy too."""

    provider: str
    connection: Connection
    credential: CredentialMode = CredentialMode.TOKEN
    suspended: bool = False
    endpoint: dict[str, str] | None = None
    limits: BindingLimits = BindingLimits()
    tools: BindingTools = BindingTools()
    restrict: dict[str, dict[str, Any]] | None = None


class ConnectedAccount(Value):
    id: str
    display_name: str = ""
    state: str = ""


class ProviderBindingStatus(Value):
    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0
    generation_since: datetime | None = None
    """When the operator first saw this generation; a session created already approved must be younger."""
    account: ConnectedAccount | None = None
    granted_scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    tools_hash: str = ""
    checked_at: datetime | None = None


class ProviderBinding(Value):
    metadata: Metadata
    spec: ProviderBindingSpec
    status: ProviderBindingStatus = ProviderBindingStatus()


def session(body: Mapping[str, Any]) -> AgentSession:
    """Read an AgentSession as the API server serves it.

    Raises:
        msgspec.ValidationError: the object is not of the schema (an older CRD is installed).
    """
    return msgspec.convert(body, AgentSession)


def binding(body: Mapping[str, Any]) -> ProviderBinding:
    """Read a ProviderBinding as the API server serves it; raises like `session`."""
    return msgspec.convert(body, ProviderBinding)


def plain(value: Any) -> Any:
    """Plain JSON data (dicts, lists, text, numbers) of any contract value."""
    return msgspec.to_builtins(value)


def condition(conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    """The condition of that type, if there is one."""
    return next((each for each in conditions if each.type == kind), None)


def is_true(conditions: tuple[Condition, ...], kind: str) -> bool:
    found = condition(conditions, kind)
    return found is not None and found.status == "True"


def _least(one: int | None, other: int | None) -> int | None:
    given = [value for value in (one, other) if value is not None]
    return min(given, default=None)
