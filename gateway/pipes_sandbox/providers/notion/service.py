"""`https://api.notion.com/v1`: pages, their content, data sources, comments and people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import TokenBook

from . import errors
from .content import Content
from .lookups import Lookups
from .store import Connection, seeded

Handler = Callable[[Call, Connection], dict[str, Any]]

OLDEST, MARKDOWN_SINCE = date(2025, 9, 3), date(2026, 3, 11)
"""Versions before the first know no data sources; the Markdown endpoints came with the second."""


class NotionService(Service):
    name = "notion"
    prefixes = tuple(
        f"/v1/{each}" for each in ("search", "pages", "blocks", "databases", "data_sources", "comments", "users")
    )

    def __init__(self, tokens: TokenBook, data: Mapping[str, Any]) -> None:
        super().__init__()
        self._tokens = tokens
        self._store = store = seeded(data)
        lookups, content = Lookups(store), Content(store)
        routes: list[tuple[str, str, str, Handler]] = [
            ("POST", "/v1/search", "read_content", lookups.search),
            ("GET", "/v1/users", "read_users", lookups.users),
            ("GET", "/v1/users/me", "", lookups.me),
            ("GET", "/v1/users/{user_id}", "read_users", lookups.user),
            ("GET", "/v1/databases/{database_id}", "read_content", lookups.database),
            ("GET", "/v1/data_sources/{data_source_id}", "read_content", lookups.source),
            ("POST", "/v1/data_sources/{data_source_id}/query", "read_content", lookups.query),
            ("GET", "/v1/comments", "read_comments", lookups.comments),
            ("POST", "/v1/comments", "insert_comments", content.comment),
            ("GET", "/v1/pages/{page_id}", "read_content", lookups.page),
            ("POST", "/v1/pages", "insert_content", content.create),
            ("PATCH", "/v1/pages/{page_id}", "update_content", content.update),
            ("GET", "/v1/pages/{page_id}/markdown", "read_content", content.markdown),
            ("PATCH", "/v1/pages/{page_id}/markdown", "update_content", content.edit),
            ("GET", "/v1/blocks/{block_id}/children", "read_content", content.children),
            ("PATCH", "/v1/blocks/{block_id}/children", "insert_content", content.append),
        ]
        for method, template, capability, handler in routes:
            self.router.add(method, template, self._answering(handler, capability))

    def serves(self, host: str) -> bool:
        return host == "api.notion.com"

    def authenticate(self, call: Call) -> None:
        self._connection(call)
        version = call.header("Notion-Version")
        if not version:
            what = "header failed validation: Notion-Version header should be defined, instead was `undefined`."
            raise errors.refused(400, "missing_version", f"Notion-Version {what}")
        try:
            since = date.fromisoformat(version)
        except ValueError:
            since = date.min
        if since < OLDEST:
            raise errors.invalid(f"The sandbox speaks Notion-Version {OLDEST} and later, not {version}.")
        if call.path.endswith("/markdown") and since < MARKDOWN_SINCE:
            raise errors.refused(400, "invalid_request_url", f"Invalid request URL for Notion-Version {version}.")

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        return errors.refused(400, "invalid_request_url", "Invalid request URL.")

    async def describe(self) -> Any:
        store = self._store
        return {"pages": len(store.pages), "data_sources": len(store.sources), "comments": len(store.comments)}

    def _connection(self, call: Call) -> Connection:
        token = self._tokens.live(call.bearer(), "notion")
        connection = self._store.connections.get(token.account_id) if token is not None else None
        if connection is None:
            raise errors.unauthorized()
        return connection

    def _answering(self, handler: Handler, capability: str) -> Callable[[Call], Any]:
        async def answer(call: Call) -> web.Response:
            connection = self._connection(call)
            if capability and capability not in connection.capabilities:
                raise errors.restricted()
            return web.json_response(handler(call, connection))

        return answer
