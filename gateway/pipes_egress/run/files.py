"""Files as MCP content blocks: text as text, in windows; images, sounds and the rest whole."""

import base64
import codecs
import mimetypes
from dataclasses import dataclass
from typing import Any

from pipes_catalog.exchange import Result, ResultKind

from ..mapping.scope import ABSENT, Scope, follow
from ..mapping.templates import evaluate
from ..problems import ProviderFailed
from ..transport.answers import Answer, AnswerUnreadable
from .encodings import bytes_of

_TEXTUAL = frozenset(
    {
        *("application/json", "application/xml", "application/javascript", "application/x-ndjson", "application/sql"),
        *("application/yaml", "application/x-yaml", "image/svg+xml", "application/xhtml+xml", "message/rfc822"),
    }
)
_BINARY = frozenset({"application/pdf", "application/zip", "application/gzip"})
_WHATEVER = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Types that say nothing, so that a name says more."""


@dataclass(frozen=True, slots=True)
class File:
    """`kind` is its media type without parameters, as far as it is known."""

    data: bytes
    kind: str
    charset: str = ""


def file_of(answer: Answer, result: Result, scope: Scope) -> File:
    """The file that an answer is, or holds.

    Raises:
        ProviderFailed: there is none where it should be.
    """
    content = result.content
    if content is None:
        return File(answer.body, answer.content_type, answer.charset)
    if not content.at:
        told = _text(content.type, scope) or answer.content_type
        return File(answer.body, _kind(told, _text(content.name, scope), answer.body), answer.charset)
    try:
        document = answer.json()
    except AnswerUnreadable as error:
        raise ProviderFailed(f"the answer cannot be understood: {error}. Try again later.") from None
    value = follow(document, content.at)
    data = _bytes(value, content.plain) if isinstance(value, str) else None
    if data is None:
        raise ProviderFailed(f"There is no file content here. {result.more}".strip())
    scope = scope.having(answer=document)
    return File(data, _kind(_text(content.type, scope), _text(content.name, scope), data))


def _bytes(value: str, plain: bool) -> bytes | None:
    # A lone surrogate, which JSON can hold, has no bytes of its own.
    return value.encode("utf-8", "replace") if plain else bytes_of(value)


def file_block(file: File, result: Result, offset: int, uri: str) -> tuple[dict[str, Any], list[str]]:
    """A file as one MCP content block: text from `offset` on, everything else whole."""
    text = as_text(file, result)
    if text is not None:
        return text_window(text, result, offset)
    kind = file.kind or "application/octet-stream"
    if len(file.data) > result.max_file_bytes:
        raise ProviderFailed(
            f"The file is {kind} of {len(file.data):,} bytes; files that are no text are given whole, "
            f"up to {result.max_file_bytes:,} bytes. {result.more}".strip()
        )
    data = base64.b64encode(file.data).decode()
    family = kind.partition("/")[0]
    if family in ("image", "audio"):
        return {"type": family, "data": data, "mimeType": kind}, []
    return {"type": "resource", "resource": {"uri": uri, "mimeType": kind, "blob": data}}, []


def as_text(file: File, result: Result) -> str | None:
    """The file as text; None when it is something else."""
    kind = file.kind
    if (
        result.kind is ResultKind.TEXT
        or kind.startswith("text/")
        or kind in _TEXTUAL
        or kind.endswith(("+json", "+xml"))
    ):
        return _decoded(file.data, file.charset)
    return None if _is_medium(kind) or kind in _BINARY else _plain_text(file.data)


def _is_medium(kind: str) -> bool:
    return kind.partition("/")[0] in ("image", "audio", "video", "font") and kind not in _TEXTUAL


def _plain_text(data: bytes) -> str | None:
    """Bytes that are text beyond doubt."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text.removeprefix("\ufeff") if "\0" not in text else None


def _decoded(data: bytes, charset: str) -> str:
    try:
        codecs.lookup(charset or "utf-8")
        return data.decode(charset or "utf-8", "replace").removeprefix("\ufeff")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace").removeprefix("\ufeff")


def _kind(told: str, name: str, data: bytes) -> str:
    told = told.partition(";")[0].strip().lower()
    if told not in _WHATEVER:
        return told
    guessed = mimetypes.guess_type(name, strict=True)[0] or told
    # A name is a hint, and machines differ in what they make of it: TypeScript's `.ts` is a video to some.
    return told if _is_medium(guessed) and _plain_text(data) is not None else guessed


def _text(template: str, scope: Scope) -> str:
    value = evaluate(template, scope)
    return "" if value is ABSENT or value is None else str(value)


def text_window(text: str, result: Result, offset: int) -> tuple[dict[str, Any], list[str]]:
    """A text from `offset` on, as far as the budget goes, and how to get the rest."""
    window = text[offset : offset + result.max_bytes]
    end = offset + len(window)
    if end >= len(text) and not offset:
        return {"type": "text", "text": window}, []
    note = f"Characters {offset:,} to {end:,} of {len(text):,}."
    if end < len(text):
        note += f" {result.more.replace('{next}', str(end))}"
    return {"type": "text", "text": window}, [note.strip()]
