"""Method and path to handler, one table for each service."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from aiohttp import web

from pipes_sandbox.call import Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]


class Router:
    """Templates such as `/data-integrations/{slug}/token`, tried in the order they were added.

    `{name}` takes one segment, `{name*}` the rest of the path. Segments are matched as sent and decoded afterwards,
    so that an encoded slash stays inside its segment, as it does at the real providers.
    """

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, method: str, template: str, handler: Handler) -> None:
        pattern = re.sub(r"\\{(\w+)\\\*\\}", r"(?P<\1>.*)", re.escape(template))
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", pattern)
        self._routes.append((method, re.compile(pattern), handler))

    def resolve(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | frozenset[str]:
        """The handler and its decoded parameters, or the methods that the path does allow (none: no such path)."""
        allowed = set[str]()
        for route_method, pattern, handler in self._routes:
            if found := pattern.fullmatch(path):
                if route_method == method:
                    return handler, {name: unquote(value) for name, value in found.groupdict().items()}
                allowed.add(route_method)
        return frozenset(allowed)
