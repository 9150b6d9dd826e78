"""Rich text: texts with their looks, as Notion takes and gives them."""

from __future__ import annotations

from typing import Any

from . import errors

LONGEST = 2_000

_PLAIN = {
    "bold": False,
    "italic": False,
    "strikethrough": False,
    "underline": False,
    "code": False,
    "color": "default",
}


def written(text: str) -> list[dict[str, Any]]:
    """The rich text of a plain text; none for an empty one."""
    return [_piece(text[at : at + LONGEST], None) for at in range(0, len(text), LONGEST)]


def taken(value: Any, place: str) -> list[dict[str, Any]]:
    """Rich text as a caller sends it, completed. Raises RefusalError for what Notion refuses."""
    if not isinstance(value, list):
        raise errors.invalid(f"body failed validation: {place} should be an array, instead was `{value!r}`.")
    if len(value) > 100:
        raise errors.invalid(f"body failed validation: {place}.length should be ≤ `100`, instead was `{len(value)}`.")
    pieces = []
    for index, each in enumerate(value):
        text = each.get("text") if isinstance(each, dict) else None
        content = text.get("content") if isinstance(text, dict) else None
        if not isinstance(content, str):
            raise errors.invalid(
                f"body failed validation: {place}[{index}].text should be defined, instead was `undefined`."
            )
        if len(content.encode("utf-16-le")) // 2 > LONGEST:
            raise errors.invalid(
                f"body failed validation: {place}[{index}].text.content.length should be ≤ `{LONGEST}`, "
                f"instead was `{len(content)}`."
            )
        pieces.append(_piece(content, (text or {}).get("link"), each.get("annotations")))
    return pieces


def plain(pieces: list[dict[str, Any]]) -> str:
    return "".join(each["plain_text"] for each in pieces)


def _piece(content: str, link: Any, looks: Any = None) -> dict[str, Any]:
    return {
        "type": "text",
        "text": {"content": content, "link": link},
        "annotations": {**_PLAIN, **(looks or {})},
        "plain_text": content,
        "href": link.get("url") if isinstance(link, dict) else None,
    }
