"""Names that more than one process must agree on."""

GROUP = "pipesmcp.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

SESSIONS = "agentsessions"
BINDINGS = "providerbindings"

HEARTBEAT = "pipes-heartbeat"
"""Name of the one AgentSession and the one ProviderBinding that the operator writes to see its own watches work."""

OPERATOR_AUDIENCE = "pipes-operator"
"""Audience of the projected ServiceAccount token that opens the session service."""

BROKER_AUDIENCE = "pipes-broker"
"""Audience of the projected ServiceAccount token that a gateway shows to the broker."""

SESSION_AUDIENCE = "pipes-session"
"""`aud` of a session token: one string, never a list."""

SESSION_TOKEN_HEADER = "Pipes-Session"  # noqa: S105 - a header's name
"""Request header that carries the session token from gateway to broker."""

SANDBOX_HOST_HEADER = "Pipes-Sandbox-Host"
"""Request header that tells the sandbox which host a request was meant for."""

DENIAL_META = "pipesmcp.io/denial"
"""`_meta` key of a tool result that was refused by policy."""

BUDGET_META = "pipesmcp.io/budget"
"""`_meta` key of a tool result: what is left of the session's budget, where it has one."""

SESSION_META = "pipesmcp.io/session"
"""`_meta` key of a call: the name of the session it is to run under, where several cover the connection."""
