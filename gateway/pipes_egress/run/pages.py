"""Which page comes next: only ever of the same host, and only as long as the provider names one."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pipes_catalog.exchange import Paging

from ..mapping.scope import ABSENT, follow, holds
from ..problems import ProviderFailed
from ..transport.answers import Answer

MOST_PAGES = 200

_LINK = re.compile(r'<([^<>]*)>((?:[^",<]|"[^"]*")*)')
_NEXT = re.compile(r';\s*rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next\b)', re.IGNORECASE)


class Pages:
    """The pages of one result. `items` is where an answer has its rows, `start` the offset of the first."""

    def __init__(self, paging: Paging, items: str, host: str, start: int = 0) -> None:
        self._paging = paging
        self._items = items
        self._host = host
        self._offset = start
        self._index = 0
        self._cursor: Any = ABSENT
        self._count = 0
        self.stuck = False
        """The provider named the page that it had just given; it was not asked for again."""

    def after(self, answer: Answer, document: Any) -> dict[str, Any] | None:
        """The `page` that templates see in the request of the page after this one; None when this was the last.

        Raises:
            ProviderFailed: the next page is not the provider's own, or cannot be made out.
        """
        rows = _rows(document, self._items)
        self._offset += rows
        if self._paging.while_ is not None and not holds(
            self._paging.while_, follow(document, self._paging.while_.value)
        ):
            return None
        page = self._named(answer, document, rows)
        if page is None or self._index + 1 >= MOST_PAGES:
            return page
        self._index += 1
        return {"index": self._index, "number": self._index + 1, "offset": self._offset, **page}

    @property
    def exhausted(self) -> bool:
        """No more pages are fetched for one call."""
        return self._index + 1 >= MOST_PAGES

    def _named(self, answer: Answer, document: Any, rows: int) -> dict[str, Any] | None:
        if self._paging.parts:
            if not self._index:
                parts = follow(document, self._paging.parts)
                self._count = len(parts) if isinstance(parts, list) else 0
            return {} if self._index + 1 < self._count else None
        if self._paging.offset is not None:
            total = follow(document, self._paging.offset.total) if self._paging.offset.total else ABSENT
            reached = isinstance(total, int) and self._offset >= total
            return None if not rows or rows < self._paging.offset.size or reached else {}
        cursor = cursor_of(self._paging, answer.headers, document, self._host)
        if cursor is ABSENT:
            return None
        self.stuck = cursor == self._cursor
        self._cursor = cursor
        return None if self.stuck else {"cursor": cursor}


def cursor_of(paging: Paging, headers: Mapping[str, str], document: Any, host: str) -> Any:
    """What names the next page, ABSENT at the end; see `Pages.after`."""
    value = _next_link(headers) if paging.link else follow(document, paging.next)
    if value is ABSENT or value is None or value == "" or value is False:
        return ABSENT
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ProviderFailed("the provider names its next page in a way that cannot be followed")
    if not paging.after and not paging.parameter:
        return value
    return _part(str(value), paging, host)


def _part(url: str, paging: Paging, host: str) -> str:
    """The cursor in a URL of the same host. What a provider stores may be anyone's text, so a URL of it is never sent
    a credential: only this part of it is used, encoded anew."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _foreign() from None
    same = not parts.netloc or (parts.scheme == "https" and parts.netloc.lower() == host)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    if not same or not target.startswith(paging.after):
        raise _foreign()
    if paging.parameter:
        found = [value for name, value in parse_qsl(parts.query) if name == paging.parameter]
        cursor = found[0] if len(found) == 1 else ""
    else:
        cursor = unquote(target[len(paging.after) :])
    if not cursor:
        raise _foreign()
    return cursor


def _foreign() -> ProviderFailed:
    return ProviderFailed("the provider names a next page that is not its own; it was not followed")


def _next_link(headers: Mapping[str, str]) -> Any:
    """The target of the first `rel="next"` in `Link` headers (RFC 8288 section 3)."""
    for text in _all(headers, "Link"):
        for target, parameters in _LINK.findall(text):
            if _NEXT.search(parameters):
                return target.strip()
    return ABSENT


def _all(headers: Mapping[str, str], name: str) -> Iterator[str]:
    getall = getattr(headers, "getall", None)
    if getall is not None:
        yield from getall(name, [])
    elif name in headers:
        yield headers[name]


def _rows(document: Any, items: str) -> int:
    rows = follow(document, items) if items else document
    return len(rows) if isinstance(rows, list) else 0
