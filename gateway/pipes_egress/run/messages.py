"""Messages (RFC 5322, MIME) made readable: who, when, about what, the text, and which files are attached."""

import email
import email.policy
import re
from collections.abc import Callable, Iterator, Mapping
from email.message import EmailMessage, Message
from functools import partial
from html.parser import HTMLParser
from typing import Any

from .encodings import bytes_of

_HEADERS = {
    "from": "from",
    "to": "to",
    "cc": "cc",
    "bcc": "bcc",
    "reply-to": "replyTo",
    "date": "date",
    "subject": "subject",
    "message-id": "messageId",
    "in-reply-to": "inReplyTo",
    "references": "references",
}
DEEPEST = 20
MOST_PARTS = 200


def message_of_bytes(data: bytes) -> dict[str, Any]:
    """A message as it travels: headers, `text` (plain if there is any, else made of the HTML), `attachments`."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    made = _headers(_items(message))
    plain, html, attachments = "", "", []
    for number, part in enumerate(message.walk()):
        if part.is_multipart() or number > MOST_PARTS or not isinstance(part, EmailMessage):
            continue
        name = _quietly(part.get_filename)
        kind = part.get_content_type()
        if name or part.get_content_disposition() == "attachment" or not kind.startswith("text/"):
            payload = part.get_payload(decode=True)
            attachments.append(_attachment(name, kind, len(payload) if isinstance(payload, bytes) else 0))
        elif kind == "text/html":
            html = html or _content(part)
        else:
            plain = plain or _content(part)
    return _message(made, plain, html, attachments)


def message_of_parts(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a message that an API took apart: `{headers: [{name, value}], mimeType, filename, body, parts}`.

    `body` is `{data, size, attachmentId}`, `data` being base64url; an attachment's id is kept.
    """
    headers = tree.get("headers")
    pairs = [each for each in headers if isinstance(each, Mapping)] if isinstance(headers, list) else []
    made = _headers((str(each.get("name", "")), str(each.get("value", ""))) for each in pairs)
    plain, html, attachments = "", "", []
    for part in _leaves(tree, 0):
        raw = part.get("body")
        body: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        name, kind = str(part.get("filename") or ""), str(part.get("mimeType") or "")
        if name or body.get("attachmentId") or not kind.startswith("text/"):
            size = body.get("size")
            attachment = _attachment(name, kind, size if isinstance(size, int) else 0)
            attachments.append({**attachment, **({"id": body["attachmentId"]} if body.get("attachmentId") else {})})
            continue
        data = body.get("data")
        text = (bytes_of(data) or b"").decode("utf-8", "replace") if isinstance(data, str) else ""
        if kind == "text/html":
            html = html or text
        else:
            plain = plain or text
    return _message(made, plain, html, attachments)


def _leaves(part: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    parts = part.get("parts")
    if not isinstance(parts, list) or not parts:
        yield part
        return
    for each in parts[:MOST_PARTS]:
        if isinstance(each, Mapping) and depth < DEEPEST:
            yield from _leaves(each, depth + 1)


def _message(headers: dict[str, Any], plain: str, html: str, attachments: list[dict[str, Any]]) -> dict[str, Any]:
    text = plain if plain.strip() or not html else text_of_html(html)
    made = {**headers, "text": text.replace("\r\n", "\n").strip()}
    return {**made, "attachments": attachments} if attachments else made


def _headers(pairs: Iterator[tuple[str, str]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        known = _HEADERS.get(name.lower())
        if known and known not in made:
            made[known] = " ".join(value.split())
    return made


def _items(message: Message) -> Iterator[tuple[str, str]]:
    for name in _HEADERS:
        value = _quietly(partial(message.get, name))
        if value:
            yield name, value


def _content(part: EmailMessage) -> str:
    try:
        return str(part.get_content())
    except (LookupError, ValueError, TypeError):
        # A character set that nobody knows, or none of what it says.
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _quietly(read: Callable[[], object]) -> str:
    """What anybody may have written is not always what the standard library can read; then it is left out."""
    try:
        return str(read() or "")
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _attachment(name: str, kind: str, size: int) -> dict[str, Any]:
    return {"name": name, "contentType": kind, "size": size}


class _Text(HTMLParser):
    """What a reader of the page would see, roughly: no markup, a line for each block."""

    _BLOCKS = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "hr"})
    _HIDDEN = frozenset({"script", "style", "head", "title", "template", "noscript"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in self._HIDDEN:
            self._hidden += 1
        if tag in self._BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        if tag in self._BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(re.sub(r"\s+", " ", data))


def text_of_html(html: str) -> str:
    """The text of a page, a line for each block."""
    reader = _Text()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return "\n".join(line for line in lines if line)
