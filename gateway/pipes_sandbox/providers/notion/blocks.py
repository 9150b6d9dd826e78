"""The blocks of a page, and the Markdown that Notion makes of them and takes for them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import errors, richtext

_MARKS = {
    "heading_1": "# ",
    "heading_2": "## ",
    "heading_3": "### ",
    "bulleted_list_item": "- ",
    "numbered_list_item": "1. ",
    "quote": "> ",
    "paragraph": "",
}
_Of = Callable[[re.Match[str]], tuple[str, str, dict[str, Any]]]
_LINES: list[tuple[re.Pattern[str], _Of]] = [
    (re.compile(r"(#{1,3}) (.*)"), lambda found: (f"heading_{len(found[1])}", found[2], {})),
    (re.compile(r"- \[([ x])\] (.*)"), lambda found: ("to_do", found[2], {"checked": found[1] == "x"})),
    (re.compile(r"[-*] (.*)"), lambda found: ("bulleted_list_item", found[1], {})),
    (re.compile(r"\d+\. (.*)"), lambda found: ("numbered_list_item", found[1], {})),
    (re.compile(r"> (.*)"), lambda found: ("quote", found[1], {})),
]
_CHILD = re.compile(r'<(page|database) url="https://www\.notion\.so/([0-9a-f]{32})">(.*)</\1>')

TAKEN = frozenset({*_MARKS, "to_do", "divider", "code"})
"""Kinds of blocks that a caller may append here."""


@dataclass(slots=True)
class Block:
    id: str
    type: str
    value: dict[str, Any]
    """What is under the member named like the type."""

    @property
    def is_child(self) -> bool:
        return self.type in ("child_page", "child_database")

    def shape(self, page_id: str, edited: str) -> dict[str, Any]:
        return {
            "object": "block",
            "id": self.id,
            "parent": {"type": "page_id", "page_id": page_id},
            "created_time": edited,
            "last_edited_time": edited,
            "has_children": False,
            "in_trash": False,
            "type": self.type,
            self.type: self.value,
        }


def made(kind: str, text: str, more: Mapping[str, Any] | None = None) -> Block:
    value = {"rich_text": richtext.written(text), "color": "default", **(more or {})}
    return Block(str(uuid.uuid4()), kind, value if kind != "divider" else {})


def child(kind: str, key: str, title: str) -> Block:
    return Block(key, f"child_{kind}", {"title": title})


def taken(value: Any, place: str) -> Block:
    """A block as a caller sends it. Raises RefusalError for what Notion refuses."""
    if not isinstance(value, dict):
        raise errors.invalid(f"body failed validation: {place} should be an object, instead was `{value!r}`.")
    kinds = [each for each in value if each in TAKEN]
    if len(kinds) != 1 or value.get("type", kinds[0]) != kinds[0]:
        raise errors.invalid(f"body failed validation: {place} should have exactly one type of block defined.")
    kind, content = kinds[0], value[kinds[0]]
    if kind == "divider":
        return made(kind, "")
    pieces = richtext.taken(content.get("rich_text"), f"{place}.{kind}.rich_text")
    return Block(str(uuid.uuid4()), kind, {**content, "rich_text": pieces})


def markdown(blocks: list[Block]) -> str:
    return "\n".join(_line(each) for each in blocks)


def _line(block: Block) -> str:
    if block.is_child:
        kind = block.type.removeprefix("child_")
        return f'<{kind} url="https://www.notion.so/{block.id.replace("-", "")}">{block.value["title"]}</{kind}>'
    if block.type == "divider":
        return "---"
    text = richtext.plain(block.value["rich_text"])
    if block.type == "code":
        return f"```{block.value.get('language', '')}\n{text}\n```"
    if block.type == "to_do":
        return f"- [{'x' if block.value.get('checked') else ' '}] {text}"
    return _MARKS[block.type] + text


def parsed(text: str, known: Mapping[str, Block]) -> list[Block]:
    """Blocks of Markdown. `known` are the children that may be named in it, by id without hyphens."""
    blocks: list[Block] = []
    code: list[str] | None = None
    language = ""
    for line in text.splitlines():
        if line.startswith("```"):
            if code is None:
                code, language = [], line[3:].strip()
            else:
                blocks.append(made("code", "\n".join(code), {"language": language}))
                code = None
        elif code is not None:
            code.append(line)
        elif line.strip():
            blocks.append(_block(line, known))
    return blocks


def _block(line: str, known: Mapping[str, Block]) -> Block:
    found = _CHILD.fullmatch(line.strip())
    if found and found[2] in known:
        return known[found[2]]
    if line.strip() == "---":
        return made("divider", "")
    for pattern, of in _LINES:
        if match := pattern.fullmatch(line):
            kind, text, more = of(match)
            return made(kind, text, more)
    return made("paragraph", line)
