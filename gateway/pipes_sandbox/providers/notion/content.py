"""What is on pages: read as blocks or Markdown, written, appended, commented."""

from __future__ import annotations

import uuid
from typing import Any

from pipes_sandbox.call import Call

from . import blocks, errors, properties, richtext, shapes
from .requests import body_of
from .store import PAGE, SOURCE, Comment, Connection, Page, Store, uuid_of

MOST_CHILDREN = 100
MOST_EDITS = 100

Answer = dict[str, Any]


class Content:
    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, call: Call, connection: Connection) -> Answer:
        body = body_of(call)
        parent = body.get("parent") if isinstance(body.get("parent"), dict) else {}
        assert isinstance(parent, dict)
        if SOURCE in parent:
            where = (SOURCE, self._store.source(str(parent[SOURCE]), connection).id)
        elif PAGE in parent:
            where = (PAGE, self._store.editable(str(parent[PAGE]), connection).id)
        else:
            raise errors.invalid(
                "body failed validation: body.parent.page_id should be defined, instead was `undefined`."
            )
        if "markdown" in body and "children" in body:
            raise errors.invalid("body failed validation: markdown and children cannot be used together.")
        now = self._store.now()
        page = Page(str(uuid.uuid4()), where, now, now, connection.person)
        self._set(page, body.get("properties") or {})
        page.blocks = blocks.parsed(str(body.get("markdown", "")), {})
        if "children" in body:
            page.blocks = _children(body["children"])
        self._store.add(page)
        return shapes.page(page, self._store)

    def update(self, call: Call, connection: Connection) -> Answer:
        body = body_of(call)
        page = self._store.page(call.parameters["page_id"], connection)
        trash = body.get("in_trash", body.get("archived"))
        if page.in_trash and trash is not False:
            raise errors.invalid("Can't edit page on block with an archived ancestor. Unarchive it first.")
        if "properties" in body:
            self._set(page, body["properties"])
        if trash is not None:
            page.in_trash = bool(trash)
        self._touch(page)
        return shapes.page(page, self._store)

    def markdown(self, call: Call, connection: Connection) -> Answer:
        return _markdown(self._store.page(call.parameters["page_id"], connection))

    def edit(self, call: Call, connection: Connection) -> Answer:
        body = body_of(call)
        page = self._store.editable(call.parameters["page_id"], connection)
        kind = body.get("type")
        command = body.get(str(kind))
        if kind not in ("update_content", "replace_content", "insert_content") or not isinstance(command, dict):
            raise errors.invalid("body failed validation: body.type should name one edit, with its object beside it.")
        before = blocks.markdown(page.blocks)
        if kind == "replace_content":
            after = _text(command, "new_str")
        elif kind == "insert_content":
            first = (command.get("position") or {}).get("type") == "start"
            after = "\n".join([_text(command, "content"), before] if first else [before, _text(command, "content")])
        else:
            after = _edited(before, command.get("content_updates"))
        known = {each.id.replace("-", ""): each for each in page.blocks if each.is_child}
        written = blocks.parsed(after, known)
        lost = [each.value["title"] for each in known.values() if each not in written]
        if lost and not command.get("allow_deleting_content"):
            raise errors.invalid(
                f"This operation would delete {len(lost)} child page(s) or database(s): {', '.join(lost)}. "
                "Set allow_deleting_content to do so."
            )
        page.blocks = written
        self._touch(page)
        return _markdown(page)

    def children(self, call: Call, connection: Connection) -> Answer:
        page = self._store.page(call.parameters["block_id"], connection)
        return shapes.listed(call, [each.shape(page.id, page.last_edited) for each in page.blocks], "block")

    def append(self, call: Call, connection: Connection) -> Answer:
        page = self._store.editable(call.parameters["block_id"], connection)
        body = body_of(call)
        made = _children(body.get("children"))
        position = body.get("position") or (
            {"type": "after_block", "after_block": {"id": body["after"]}} if "after" in body else {}
        )
        at = len(page.blocks)
        if position.get("type") == "start":
            at = 0
        elif position.get("type") == "after_block":
            after = uuid_of(str(position.get("after_block", {}).get("id")), "block")
            places = [index for index, each in enumerate(page.blocks) if each.id == after]
            if not places:
                raise errors.invalid(f"Block to append after is not a child of {page.id}.")
            at = places[0] + 1
        page.blocks[at:at] = made
        self._touch(page)
        shown = [each.shape(page.id, page.last_edited) for each in made]
        return shapes.page_of(shown, "block", None, 100)

    def comment(self, call: Call, connection: Connection) -> Answer:
        body = body_of(call)
        text = richtext.taken(body.get("rich_text"), "body.rich_text")
        if discussion := body.get("discussion_id"):
            thread = [each for each in self._store.comments if each.discussion_id == discussion]
            if not thread:
                raise errors.not_found("discussion", str(discussion))
            page = self._store.page(thread[0].page_id, connection)
        else:
            discussion = str(uuid.uuid4())
            page = self._store.page(str((body.get("parent") or {}).get("page_id", "")), connection)
        made = Comment(str(uuid.uuid4()), page.id, str(discussion), connection.person, self._store.now(), text)
        self._store.comments.append(made)
        return shapes.comment(made)

    def _set(self, page: Page, values: Any) -> None:
        if not isinstance(values, dict):
            raise errors.invalid("body failed validation: body.properties should be an object.")
        schema = self._store.schema_of(page)
        changed = {}
        for name, value in values.items():
            found = properties.find(schema, name)
            changed[found.id] = properties.taken(found, value)
        page.properties |= changed

    def _touch(self, page: Page) -> None:
        page.last_edited = self._store.now()


def _children(value: Any) -> list[blocks.Block]:
    if not isinstance(value, list):
        raise errors.invalid("body failed validation: body.children should be defined, instead was `undefined`.")
    if len(value) > MOST_CHILDREN:
        raise errors.invalid(
            f"body failed validation: body.children.length should be ≤ `{MOST_CHILDREN}`, instead was `{len(value)}`."
        )
    return [blocks.taken(each, f"body.children[{index}]") for index, each in enumerate(value)]


def _markdown(page: Page) -> Answer:
    text = blocks.markdown(page.blocks)
    return {"object": "page_markdown", "id": page.id, "markdown": text, "truncated": False, "unknown_block_ids": []}


def _text(command: dict[str, Any], name: str) -> str:
    if not isinstance(command.get(name), str):
        raise errors.invalid(f"body failed validation: body.{name} should be defined, instead was `undefined`.")
    return str(command[name])


def _edited(text: str, edits: Any) -> str:
    """Each edit in turn; what is not there is refused, and so is what is there more than once unless all are meant."""
    if not isinstance(edits, list) or not 1 <= len(edits) <= MOST_EDITS:
        raise errors.invalid(f"body failed validation: body.content_updates should have 1 to {MOST_EDITS} entries.")
    for each in edits:
        old, new = _text(each, "old_str"), _text(each, "new_str")
        if not old or old not in text:
            raise errors.invalid(f"Could not find old_str in the page content: {old[:80]}")
        every = bool(each.get("replace_all_matches"))
        if text.count(old) > 1 and not every:
            raise errors.invalid("old_str matches more than once. Set replace_all_matches, or give more context.")
        text = text.replace(old, new)
    return text
