"""Everything that finds or lists, and changes nothing."""

from __future__ import annotations

from typing import Any

from pipes_sandbox.call import Call

from . import errors, shapes
from .query import matcher, ordered
from .requests import body_of
from .store import SOURCE, Connection, DataSource, Page, Store

Answer = dict[str, Any]


class Lookups:
    def __init__(self, store: Store) -> None:
        self._store = store

    def search(self, call: Call, connection: Connection) -> Answer:
        """By words of titles, as Notion does; the most recently edited first."""
        body = body_of(call)
        wanted = body.get("filter") or {}
        if wanted and (wanted.get("property") != "object" or wanted.get("value") not in ("page", "data_source")):
            raise errors.invalid('body failed validation: body.filter.value should be `"page"` or `"data_source"`.')
        words = str(body.get("query") or "").lower().split()
        sort = body.get("sort") or {}
        found = [
            each
            for each in self._store.visible(connection)
            if all(word in each.title.lower() for word in words)
            and wanted.get("value") in (None, "page" if isinstance(each, Page) else "data_source")
        ]
        found.sort(key=_edited, reverse=sort.get("direction", "descending") == "descending")
        shown = [self._shape(each) for each in found]
        return shapes.page_of(shown, "page_or_data_source", body.get("start_cursor"), body.get("page_size"))

    def page(self, call: Call, connection: Connection) -> Answer:
        page = self._store.page(call.parameters["page_id"], connection)
        return shapes.page(page, self._store, call.request.query.getall("filter_properties", []))

    def database(self, call: Call, connection: Connection) -> Answer:
        return shapes.database(self._store.database(call.parameters["database_id"], connection), self._store)

    def source(self, call: Call, connection: Connection) -> Answer:
        return shapes.source(self._store.source(call.parameters["data_source_id"], connection), self._store)

    def query(self, call: Call, connection: Connection) -> Answer:
        source = self._store.source(call.parameters["data_source_id"], connection)
        body = body_of(call)
        fits = matcher(body.get("filter"), source.schema)
        trashed = bool(body.get("in_trash", False))
        pages = [
            each
            for each in self._store.pages.values()
            if each.parent == (SOURCE, source.id) and each.in_trash == trashed and fits(each)
        ]
        only = call.request.query.getall("filter_properties", [])
        shown = [shapes.page(each, self._store, only) for each in ordered(pages, body.get("sorts"), source.schema)]
        return shapes.page_of(shown, "page_or_data_source", body.get("start_cursor"), body.get("page_size"))

    def comments(self, call: Call, connection: Connection) -> Answer:
        page = self._store.page(call.query("block_id"), connection)
        found = [shapes.comment(each) for each in self._store.comments if each.page_id == page.id]
        return shapes.listed(call, found, "comment")

    def users(self, call: Call, connection: Connection) -> Answer:
        found = [shapes.person(each, with_email=True) for each in self._store.people.values()]
        return shapes.listed(call, found, "user")

    def user(self, call: Call, connection: Connection) -> Answer:
        found = self._store.people.get(call.parameters["user_id"])
        if found is None:
            raise errors.not_found("user", call.parameters["user_id"])
        return shapes.person(found, with_email=True)

    def me(self, call: Call, connection: Connection) -> Answer:
        person = self._store.people[connection.person]
        owner = {"type": "user", "user": shapes.person(person, with_email=True)}
        bot = {"owner": owner, "workspace_name": "Acme"}
        return {"object": "user", "id": person.id, "type": "bot", "name": "Agents", "avatar_url": None, "bot": bot}

    def _shape(self, each: Page | DataSource) -> Answer:
        return shapes.page(each, self._store) if isinstance(each, Page) else shapes.source(each, self._store)


def _edited(each: Page | DataSource) -> str:
    return each.last_edited if isinstance(each, Page) else each.created
