"""The pages after the first: only ever of the same host, and only as many as are wanted."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote, urlsplit

from pipes_catalog.exchange import Paging, Request

from ..mapping.scope import ABSENT, Scope, follow
from ..problems import ProviderFailed
from ..transport.answers import Answer
from .sender import Sender

MOST_PAGES = 200


async def following(
    paging: Paging, first: Any, request: Request, scope: Scope, sender: Sender
) -> AsyncIterator[tuple[Answer, bool]]:
    """The pages after the first, each with whether another one follows it, for as long as the caller goes on asking."""
    parts = follow(first, paging.parts) if paging.parts else ABSENT
    count = len(parts) if isinstance(parts, list) else 0
    document = first
    for index in range(1, MOST_PAGES):
        cursor = ABSENT if paging.parts else _cursor(paging, document, sender.host)
        if index >= count if paging.parts else cursor is ABSENT:
            return
        at = scope.having(page={"index": index} if paging.parts else {"index": index, "cursor": cursor})
        if paging.request is not None:
            answer = await sender.send(paging.request, at)
        else:
            answer = await sender.send(request, at, query=paging.query, body=paging.body)
        document = answer.json()
        yield answer, more_after(paging, document, first, index, sender.host)


def more_after(paging: Paging, document: Any, first: Any, index: int, host: str) -> bool:
    """Whether something follows the page of that number."""
    if paging.parts:
        parts = follow(first, paging.parts)
        return isinstance(parts, list) and index + 1 < len(parts)
    return _cursor(paging, document, host) is not ABSENT


def _cursor(paging: Paging, document: Any, host: str) -> Any:
    value = follow(document, paging.next)
    if value is ABSENT or value is None or value == "" or value is False:
        return ABSENT
    if not paging.after:
        if isinstance(value, str | int):
            return value
        raise ProviderFailed("the provider names its next page in a way that cannot be followed")
    return _tail(str(value), paging.after, host)


def _tail(url: str, prefix: str, host: str) -> str:
    """What follows the prefix in a URL of the same host. What a provider stores may be anyone's text, so a URL of it
    is never sent a credential: only this part of it is used, encoded anew."""
    parts = urlsplit(url)
    same = not parts.netloc or (parts.scheme == "https" and parts.netloc.lower() == host)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    if not same or not target.startswith(prefix) or len(target) == len(prefix):
        raise ProviderFailed("the provider names a next page that is not its own; it was not followed")
    return unquote(target[len(prefix) :])
