"""A Notion workspace: what is in it, and what of it was shared with which connection."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from . import blocks, errors, properties, richtext
from .blocks import Block
from .properties import TITLE, Property

WORKSPACE, PAGE, SOURCE = "workspace", "page_id", "data_source_id"


@dataclass(slots=True)
class Person:
    id: str
    name: str
    email: str = ""


@dataclass(slots=True)
class Page:
    id: str
    parent: tuple[str, str]
    """`workspace`, `page_id` or `data_source_id`, and the id."""
    created: str
    last_edited: str
    author: str
    properties: dict[str, Any] = field(default_factory=dict)
    """By the property's id."""
    blocks: list[Block] = field(default_factory=list)
    in_trash: bool = False

    @property
    def title(self) -> str:
        return richtext.plain(self.properties.get("title") or [])


@dataclass(slots=True)
class DataSource:
    id: str
    database_id: str
    title: str
    schema: dict[str, Property]
    created: str


@dataclass(slots=True)
class Database:
    id: str
    title: str
    parent: tuple[str, str]
    sources: list[str]
    created: str


@dataclass(slots=True)
class Comment:
    id: str
    page_id: str
    discussion_id: str
    author: str
    created: str
    rich_text: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Connection:
    """What one connected account may do, and which pages it was given, with all below them."""

    person: str
    capabilities: frozenset[str]
    shared: frozenset[str]


class Store:
    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.pages: dict[str, Page] = {}
        self.databases: dict[str, Database] = {}
        self.sources: dict[str, DataSource] = {}
        self.comments: list[Comment] = []
        self.connections: dict[str, Connection] = {}
        self._last = 0.0

    def now(self) -> str:
        """Later than every moment before, so that orders by time are sure."""
        self._last = max(time.time(), self._last + 0.001)
        return timestamp(self._last)

    def sees(self, connection: Connection, parent: tuple[str, str]) -> bool:
        kind, key = parent
        while kind != WORKSPACE:
            if key in connection.shared:
                return True
            if kind == PAGE:
                kind, key = self.pages[key].parent
            else:
                kind, key = self.databases[self.sources[key].database_id].parent
        return False

    def page(self, key: str, connection: Connection) -> Page:
        found = self.pages.get(uuid_of(key, "page"))
        if found is None or not self.sees(connection, (PAGE, found.id)):
            raise errors.not_found("page", key)
        return found

    def editable(self, key: str, connection: Connection) -> Page:
        page = self.page(key, connection)
        if page.in_trash:
            raise errors.invalid("Can't edit block that is archived. You must unarchive the block before editing.")
        return page

    def source(self, key: str, connection: Connection) -> DataSource:
        found = self.sources.get(uuid_of(key, "data_source"))
        if found is None or not self.sees(connection, (SOURCE, found.id)):
            raise errors.not_found("data_source", key)
        return found

    def database(self, key: str, connection: Connection) -> Database:
        found = self.databases.get(uuid_of(key, "database"))
        if found is None or not any(self.sees(connection, (SOURCE, each)) for each in found.sources):
            raise errors.not_found("database", key)
        return found

    def visible(self, connection: Connection) -> Iterator[Page | DataSource]:
        for page in self.pages.values():
            if not page.in_trash and self.sees(connection, (PAGE, page.id)):
                yield page
        for source in self.sources.values():
            if self.sees(connection, (SOURCE, source.id)):
                yield source

    def schema_of(self, page: Page) -> Mapping[str, Property]:
        kind, key = page.parent
        return self.sources[key].schema if kind == SOURCE else {"title": TITLE}

    def add(self, page: Page) -> None:
        self.pages[page.id] = page
        kind, key = page.parent
        if kind == PAGE:
            self.pages[key].blocks.append(blocks.child("page", page.id, page.title))


def uuid_of(key: str, kind: str) -> str:
    """Ids are taken with and without hyphens. Raises RefusalError 400 for what is none."""
    try:
        return str(uuid.UUID(key))
    except ValueError:
        raise errors.invalid(
            f'path failed validation: path.{kind}_id should be a valid uuid, instead was `"{key}"`.'
        ) from None


def timestamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seeded(data: Mapping[str, Any]) -> Store:
    """The workspace that a seed describes."""
    store = Store()
    for each in data.get("people") or ():
        store.people[each["id"]] = Person(**each)
    for entry in data.get("databases") or ():
        sources = []
        for each in entry["data_sources"]:
            schema = {name: _property(name, rule) for name, rule in each["properties"].items()}
            store.sources[each["id"]] = DataSource(
                each["id"], entry["id"], each.get("title", entry["title"]), schema, "2026-01-05T08:00:00.000Z"
            )
            sources.append(each["id"])
        parent = (PAGE, entry["parent"])
        store.databases[entry["id"]] = Database(
            entry["id"], entry["title"], parent, sources, "2026-01-05T08:00:00.000Z"
        )
    for entry in _pages(data):
        _add_page(store, entry)
    for database in store.databases.values():
        store.pages[database.parent[1]].blocks.append(blocks.child("database", database.id, database.title))
    for each in data.get("comments") or ():
        store.comments.append(
            Comment(
                each["id"], each["page"], each["discussion"], each["author"], each["at"], richtext.written(each["text"])
            )
        )
    for account, each in (data.get("connections") or {}).items():
        store.connections[account] = Connection(
            each["person"], frozenset(each["capabilities"]), frozenset(each["shared"])
        )
    return store


def _property(name: str, rule: Any) -> Property:
    kind, options = (rule, []) if isinstance(rule, str) else (rule["type"], list(rule.get("options") or ()))
    return Property("title" if kind == "title" else f"p{sum(name.encode()):x}", name, kind, options)


def _pages(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = [dict(each) for each in data.get("pages") or ()]
    for rule in data.get("generated") or ():
        for number in range(rule["count"]):
            values = {name: _filled(value, number) for name, value in rule["properties"].items()}
            found.append(
                {
                    "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{rule['data_source']}/{number}")),
                    "data_source": rule["data_source"],
                    "author": rule["author"],
                    "properties": values,
                    "at": f"2026-0{1 + number % 9}-{1 + number % 28:02}T10:00:00.000Z",
                }
            )
    return found


def _filled(value: Any, number: int) -> Any:
    """A text with `{n}`; of a list of lists, one for each number in turn."""
    if isinstance(value, list):
        return value[number % len(value)]
    return value.format(n=number) if isinstance(value, str) else number


def _add_page(store: Store, entry: Mapping[str, Any]) -> None:
    if "data_source" in entry:
        parent = (SOURCE, entry["data_source"])
    else:
        parent = (PAGE, entry["parent"]) if "parent" in entry else (WORKSPACE, "")
    at = entry.get("at", "2026-10-01T08:00:00.000Z")
    page = Page(entry["id"], parent, at, at, entry["author"])
    schema = store.schema_of(page)
    values = entry.get("properties") or {"title": entry["title"]}
    for name, value in values.items():
        found = properties.find(schema, name)
        page.properties[found.id] = properties.seeded(found, value)
    page.blocks = blocks.parsed(entry.get("text", ""), {})
    store.add(page)
