"""The MCP server beside the agent: checks every call against the live session, and sends it on.

`mcp/` speaks the protocol over aiohttp, `own/` holds the tools about sessions,
`provider.py` the way of a provider call, `dispatch/` where it goes from here.
"""
