"""Messages of the session service, version 1.

`GET /v1/watch` answers with one JSON object a line, each of a type of `Event`:
first a `Snapshot`, then changes. Times named `clock` and `until` are seconds on
the *operator's* CLOCK_BOOTTIME. A receiver notes its own clock before it sends
the request and reads the operator's clock against that moment, so neither a
slow network nor a wall clock that is set can stretch a lease.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from .grant import Grant
from .resources import Access, Agent, Connection, Limits, RequestedBinding, ToolLimits, Usage, Value
from .states import SessionState

PROTOCOL = 1


class Identity(Value):
    """Who the caller is, as TokenReview told the session service. The broker has no pod of its own to speak for."""

    role: Literal["gateway", "broker"]
    namespace: str
    service_account: str
    pod_uid: str = msgspec.field(default="", name="podUID")
    pod_name: str = ""


class HostedOffer(Value):
    """For the broker alone: a hosted MCP server whose tools it reads before anybody approves (`tools.mcp.discover`).

    `hosts` are the patterns that a credential of the connection may be sent to; `title` is the provider's.
    """

    url: str
    title: str
    connection: Connection
    account: str
    hosts: tuple[str, ...]


class BindingView(Value):
    """A ProviderBinding as it is now: the offer to an agent, and the ceiling of every grant that names it.

    To a gateway it never tells a user id or the name of an account. `problem` says what a person must do.
    """

    namespace: str
    name: str
    uid: str
    provider: str
    max_access: Access
    tools: dict[str, str]
    """Advertised tool name → hash of its definition."""
    ready: bool = False
    connected: bool = False
    suspended: bool = False
    problem: str = ""
    missing_scopes: tuple[str, ...] = ()
    max_duration: int | None = None
    max_calls: int | None = None
    calls_per_minute: int | None = None
    service_accounts: tuple[str, ...] | None = None
    from_session: bool = False
    """The session names the person whose connection is used, so an agent cannot ask for it by itself."""
    restrict: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Advertised tool name → JSON Schema that its arguments must satisfy too."""
    tool_limits: dict[str, ToolLimits] = msgspec.field(default_factory=dict)
    hosted: HostedOffer | None = None
    """Sent to the broker only, since it names a person's connection."""

    def offered_to(self, service_account: str) -> bool:
        return self.service_accounts is None or service_account in self.service_accounts


class SessionView(Value):
    """An AgentSession as gateway and broker see it.

    `live` is the operator's verdict at the moment of sending: Active, neither
    revoked nor deleted nor expired. `grant` is what is allowed while live, and
    what was asked before.
    """

    namespace: str
    name: str
    uid: str
    state: SessionState
    agent: Agent
    live: bool = False
    pod_uid: str = msgspec.field(default="", name="podUID")
    """The pod it is bound to; empty for a shared session."""
    reason: str = ""
    requested: tuple[RequestedBinding, ...] = ()
    grant: Grant | None = None
    grant_hash: str = ""
    message: str = ""
    """Why it is in this state, in a sentence for the agent."""
    note: str = ""
    """What the approver wrote."""
    decided_by: str = ""
    ended_by: str = ""
    activated_at: datetime | None = None
    request_expires_at: datetime | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    usage: Usage = Usage()


class Lease(Value):
    """Permission to use a live session until `until` (operator's clock). The broker's carries no token."""

    uid: str
    until: float
    token: str = ""

    def __repr__(self) -> str:
        return f"Lease(uid={self.uid!r}, until={self.until!r}, token=<redacted>)"


class Snapshot(Value, tag="snapshot"):
    """Everything the caller may know, replacing all it knew. `definitions` maps a hash to a tool definition."""

    protocol: int
    clock: float
    now: datetime
    issuer: str
    you: Identity
    bindings: tuple[BindingView, ...]
    sessions: tuple[SessionView, ...]
    leases: tuple[Lease, ...]
    definitions: dict[str, dict[str, Any]]
    jwks: dict[str, Any]
    view_until: float = 0.0
    """For the broker: until when all live sessions may be used as this stream shows them."""


class SessionChanged(Value, tag="session"):
    """A session appeared or changed; `lease` only while it is live. `definitions` are those not sent before."""

    session: SessionView
    lease: Lease | None = None
    definitions: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


class SessionGone(Value, tag="sessionGone"):
    uid: str


class BindingChanged(Value, tag="binding"):
    binding: BindingView
    definitions: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


class BindingGone(Value, tag="bindingGone"):
    namespace: str
    name: str
    uid: str


class Leases(Value, tag="leases"):
    """Renewed leases."""

    leases: tuple[Lease, ...]


class Keys(Value, tag="keys"):
    """The signing keys changed; JWKS of RFC 7517."""

    jwks: dict[str, Any]


class Heartbeat(Value, tag="heartbeat"):
    """Sent every few seconds. `view_until` as in `Snapshot`."""

    clock: float
    now: datetime
    view_until: float = 0.0


class Goodbye(Value, tag="goodbye"):
    """The last line of a stream that ends on purpose; the caller opens a new one."""

    reason: str


Event = Snapshot | SessionChanged | SessionGone | BindingChanged | BindingGone | Leases | Keys | Heartbeat | Goodbye


# -- requests and answers ----------------------------------------------------


class CreateSession(Value, forbid_unknown_fields=True):
    """`POST /v1/sessions`, from a gateway: always for the pod that asks."""

    reason: str
    bindings: tuple[RequestedBinding, ...]
    duration: str
    limits: Limits | None = None


class SessionCreated(Value):
    """Answer: the session (an identical pending one if there is one), and what was cut to the ceilings."""

    session: SessionView
    created: bool
    notes: tuple[str, ...] = ()


class EndSession(Value, forbid_unknown_fields=True):
    """`POST /v1/sessions/{name}/end`, from a gateway: ends an Active session, withdraws a pending one."""

    uid: str | None = None


class Reserve(Value, forbid_unknown_fields=True):
    """`POST /v1/sessions/{name}/reserve`: take calls from the budget before they are sent, give back what is unused.

    `namespace` is the broker's to name; a gateway's is its own. A call of a tool with a budget of its own names the
    `tool`, an exact call its `exact` id: such calls are reserved, and returned, one by one.
    """

    uid: str
    calls: int = 0
    writes: int = 0
    return_calls: int = 0
    return_writes: int = 0
    namespace: str = ""
    tool: str = ""
    exact: str = ""


class Reserved(Value):
    """How many may be sent now; fewer than asked when the budget is near its end, 0 when it is used up.

    `*_left`: what nobody has reserved after this, in the session and of the tool that was named. None: no limit, or not
    told.
    """

    calls: int = 0
    writes: int = 0
    calls_left: int | None = None
    writes_left: int | None = None
    tool_calls_left: int | None = None


class ReportUsage(Value, forbid_unknown_fields=True):
    """`POST /v1/sessions/{name}/usage`: calls of a session without limits, and denials, since the last report."""

    uid: str
    calls: int = 0
    writes: int = 0
    denied: int = 0
    namespace: str = ""


class Discovered(Value, forbid_unknown_fields=True):
    """`POST /v1/bindings/{name}/tools`, from the broker: what the hosted MCP server of a binding lists now.

    `tools` are as `tools/list` gave them; with `problem` it could not be read, and nothing is known anew.
    """

    namespace: str
    uid: str
    tools: tuple[dict[str, Any], ...] = ()
    problem: str = ""


class CertificateRequest(Value, forbid_unknown_fields=True):
    """`POST /v1/certificate`, from the broker: a PEM certificate signing request (RFC 2986) for its serving name."""

    csr: str


class Certificate(Value):
    """The signed certificate and the CA, PEM."""

    certificate: str
    ca: str


class Failure(Value):
    """Body of every answer that is not 2xx. `reason` is a `Reason` or a `RequestRefusal`."""

    reason: str
    message: str
    remedy: str = ""
    retry_after_seconds: float | None = None


class BrokerCall(Value, forbid_unknown_fields=True):
    """`POST /v1/call` at the broker. The session token travels in the header `Pipes-Session`.

    `session` is the name of the session that the caller means, where several may cover the binding; the token must be
    of that one.
    """

    binding: str
    tool: str
    arguments: dict[str, Any]
    reserved: bool = False
    traceparent: str = ""
    session: str = ""


def encode(message: Any) -> bytes:
    """One line of JSON, without the newline."""
    return msgspec.json.encode(message)


_EVENT = msgspec.json.Decoder(Event)


def decode_event(line: bytes) -> Event:
    """Read one line of the stream.

    Raises:
        msgspec.ValidationError: unknown type, or a field that this version cannot read.
    """
    event: Event = _EVENT.decode(line)
    return event
