"""Executing a tool: requests, jobs, pages, and what the caller gets of the answers."""
