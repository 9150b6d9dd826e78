"""Providers' own MCP servers: spoken to in either era of the protocol, held to what was approved, passed on whole.

Raw JSON-RPC over egress's own transport rather than an MCP client library: a library reads results into its own
types and drops what it does not know, opens connections past the guarded addresses, and costs several times as much.
"""
