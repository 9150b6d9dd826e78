"""How Notion writes down pages, data sources, people and comments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipes_sandbox.call import Call

from . import errors, properties, richtext
from .store import SOURCE, WORKSPACE, Comment, Database, DataSource, Page, Person, Store


def page(each: Page, store: Store, only: Sequence[str] = ()) -> dict[str, Any]:
    schema = store.schema_of(each)
    chosen = [found for found in schema.values() if not only or found.id in only or found.name in only]
    return {
        "object": "page",
        "id": each.id,
        "created_time": each.created,
        "last_edited_time": each.last_edited,
        "created_by": {"object": "user", "id": each.author},
        "last_edited_by": {"object": "user", "id": each.author},
        "cover": None,
        "icon": None,
        "parent": _parent(each.parent, store),
        "in_trash": each.in_trash,
        "properties": {found.name: properties.given(found, each.properties.get(found.id)) for found in chosen},
        "url": url(each.id),
        "public_url": None,
    }


def source(each: DataSource, store: Store) -> dict[str, Any]:
    database_ = store.databases[each.database_id]
    return {
        "object": "data_source",
        "id": each.id,
        "title": richtext.written(each.title),
        "description": [],
        "parent": {"type": "database_id", "database_id": each.database_id},
        "database_parent": _parent(database_.parent, store),
        "properties": {name: found.shape() for name, found in each.schema.items()},
        "created_time": each.created,
        "last_edited_time": each.created,
        "in_trash": False,
        "url": url(each.id),
    }


def database(each: Database, store: Store) -> dict[str, Any]:
    return {
        "object": "database",
        "id": each.id,
        "title": richtext.written(each.title),
        "description": [],
        "parent": _parent(each.parent, store),
        "is_inline": False,
        "in_trash": False,
        "data_sources": [{"id": key, "name": store.sources[key].title} for key in each.sources],
        "created_time": each.created,
        "last_edited_time": each.created,
        "url": url(each.id),
    }


def person(each: Person, *, with_email: bool) -> dict[str, Any]:
    contact = {"email": each.email} if with_email else {}
    return {"object": "user", "id": each.id, "type": "person", "name": each.name, "avatar_url": None, "person": contact}


def comment(each: Comment) -> dict[str, Any]:
    return {
        "object": "comment",
        "id": each.id,
        "parent": {"type": "page_id", "page_id": each.page_id},
        "discussion_id": each.discussion_id,
        "created_time": each.created,
        "last_edited_time": each.created,
        "created_by": {"object": "user", "id": each.author},
        "rich_text": each.rich_text,
    }


def page_of(items: Sequence[Any], kind: str, start_cursor: Any, page_size: Any) -> dict[str, Any]:
    """A part of a list, and the cursor of the rest: the id of the first that is left out, as at Notion."""
    size = _size(page_size)
    start = 0
    if start_cursor is not None:
        places = [index for index, each in enumerate(items) if each["id"] == start_cursor]
        if not places:
            raise errors.invalid(f"The start_cursor provided is invalid: {start_cursor}")
        start = places[0]
    rest = items[start + size :]
    return {
        "object": "list",
        "results": list(items[start : start + size]),
        "next_cursor": rest[0]["id"] if rest else None,
        "has_more": bool(rest),
        "type": kind,
        kind: {},
    }


def listed(call: Call, items: Sequence[Any], kind: str) -> dict[str, Any]:
    """`page_of` for calls that say it in the query."""
    query = call.request.query
    return page_of(items, kind, query.get("start_cursor"), query.get("page_size"))


def _size(value: Any) -> int:
    text = "100" if value is None else str(value)
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise errors.invalid(f"body failed validation: body.page_size should be ≤ `100`, instead was `{value}`.")
    return int(text)


def url(key: str) -> str:
    return f"https://www.notion.so/{key.replace('-', '')}"


def _parent(parent: tuple[str, str], store: Store) -> dict[str, Any]:
    kind, key = parent
    if kind == WORKSPACE:
        return {"type": WORKSPACE, WORKSPACE: True}
    more = {"database_id": store.sources[key].database_id} if kind == SOURCE else {}
    return {"type": kind, kind: key, **more}
