"""Pages by number, with the `Link` header of RFC 8288."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from pipes_sandbox.call import Call

T = TypeVar("T")

MOST = 100


def page(call: Call, items: Sequence[T]) -> tuple[Sequence[T], dict[str, str]]:
    """The items of the page that is asked for, and the headers that name its neighbours."""
    size = min(_number(call.query("per_page"), 30), MOST)
    number = _number(call.query("page"), 1)
    last = max(1, -(-len(items) // size))
    links = []
    if number < last:
        links += [_link(call, number + 1, "next"), _link(call, last, "last")]
    if number > 1:
        links += [_link(call, 1, "first"), _link(call, number - 1, "prev")]
    return items[(number - 1) * size : number * size], {"Link": ", ".join(links)} if links else {}


def _link(call: Call, number: int, relation: str) -> str:
    query: dict[str, Any] = {**call.request.query, "page": number}
    # A client that was pointed straight at the sandbox follows links to where it sent its request.
    origin = f"https://{call.host}" if call.host else str(call.request.url.origin())
    return f'<{origin}{call.path}?{urlencode(query)}>; rel="{relation}"'


def _number(text: str, default: int) -> int:
    """GitHub takes what is no number for none given."""
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else default
