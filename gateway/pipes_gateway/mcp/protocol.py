"""Words of the Model Context Protocol that go over the wire."""

MODERN_VERSIONS = ("2026-07-28",)
"""Stateless revisions: everything about a request is in the request."""

HANDSHAKE_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that begin with `initialize`."""

VERSIONS = (*reversed(MODERN_VERSIONS), *reversed(HANDSHAKE_VERSIONS))
"""All that are spoken, the newest first."""

VERSION_HEADER = "MCP-Protocol-Version"
METHOD_HEADER = "Mcp-Method"
NAME_HEADER = "Mcp-Name"
SESSION_HEADER = "Mcp-Session-Id"
ROUTING_HEADERS = (VERSION_HEADER, METHOD_HEADER, NAME_HEADER, SESSION_HEADER)

VERSION_META = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_META = "io.modelcontextprotocol/clientCapabilities"
SERVER_INFO_META = "io.modelcontextprotocol/serverInfo"
SUBSCRIPTION_META = "io.modelcontextprotocol/subscriptionId"

NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""Method → the parameter that `Mcp-Name` repeats."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

# The revision of 2026-07-28 keeps −32000…−32768 for itself; ours are outside it.
UNAUTHORIZED = 401
BUSY = 503
CANCELLED = -32800
"""A call that `notifications/cancelled` ended."""

TOOLS_CHANGED = "notifications/tools/list_changed"
