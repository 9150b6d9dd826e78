"""Model Context Protocol over Streamable HTTP: 2026-07-28, and the revisions with a handshake before it.

`jsonrpc` reads messages, `guard` looks at HTTP, `modern` and `legacy` hold what
the two eras ask for, `endpoint` is the aiohttp handler, `methods` what both serve.
"""
