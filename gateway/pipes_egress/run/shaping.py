"""What of the answers the caller gets: within a budget, cut between rows, with what was left out said."""

import base64
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipes_catalog.exchange import Result, ResultKind

from ..mapping.scope import ABSENT, follow, holds
from ..problems import ProviderFailed
from ..transport.answers import Answer
from .decoders import Columns, columns_of

LONGEST_CELL = 2_000
"""Characters to which a text is shortened when its row alone is over the budget."""

_TEXTUAL = frozenset(
    {
        *("application/json", "application/xml", "application/javascript", "application/x-ndjson", "application/sql"),
        *("application/yaml", "application/x-yaml", "image/svg+xml", "application/xhtml+xml"),
    }
)


@dataclass(slots=True)
class Rows:
    """Rows gathered over pages, until the caller's number or the budget is reached."""

    result: Result
    wanted: int
    columns: Columns | None = None
    head: dict[str, Any] = field(default_factory=dict)
    kept: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    size: int = 0
    left_out: bool = False
    _select: list[int] | None = None

    def begin(self, document: Any) -> None:
        """Learn from the first answer what rows are made of."""
        self.columns = columns_of(self.result.decode, document)
        if self.columns is not None:
            described = self.columns.described
            if self.result.keep:
                names = [each["name"].lower() for each in described]
                self._select = [names.index(each.lower()) for each in self.result.keep if each.lower() in names]
                described = [described[place] for place in self._select]
            self.head["columns"] = described
        for path in self.result.also:
            value = follow(document, path)
            if value is not ABSENT and value is not None:
                self.head[path.rpartition(".")[2]] = value

    def add(self, document: Any) -> None:
        """Take in the rows of one page."""
        rows = follow(document, self.result.items) if self.result.items else document
        for row in rows if isinstance(rows, list) else []:
            if len(self.kept) >= self.wanted:
                self.left_out = True
                return
            encoded = msgspec.json.encode(self._shaped(row))
            if self.size + len(encoded) > self.result.max_bytes:
                if self.kept:
                    self.left_out = True
                    return
                encoded = msgspec.json.encode(shortened(self._shaped(row)))
                self.notes.append(f"Texts longer than {LONGEST_CELL} characters were shortened.")
            self.kept.append(encoded)
            self.size += len(encoded) + 1

    @property
    def complete(self) -> bool:
        """There are as many as are wanted, or as there is room for."""
        return self.left_out or len(self.kept) >= self.wanted

    def text(self) -> str:
        head = msgspec.json.encode(self.head).decode()[1:-1]
        body = b",".join(self.kept).decode()
        return "{" + (head + "," if head else "") + f'"rows":[{body}]' + "}"

    def _shaped(self, row: Any) -> Any:
        if self.columns is not None:
            row = self.columns.decode(row)
            return [row[place] for place in self._select] if self._select is not None and isinstance(row, list) else row
        return shaped(row, self.result)


def shaped(value: Any, result: Result) -> Any:
    """The members to keep, without those to drop at any level."""
    if result.keep and isinstance(value, dict):
        value = {name: value[name] for name in result.keep if name in value}
    return _without(value, frozenset(result.drop)) if result.drop else value


def _without(value: Any, drop: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(each, drop) for name, each in value.items() if name not in drop}
    if isinstance(value, list):
        return [_without(each, drop) for each in value]
    return value


def shortened(value: Any) -> Any:
    """The same with long texts cut, each saying how long it was."""
    if isinstance(value, str) and len(value) > LONGEST_CELL:
        return f"{value[:LONGEST_CELL]}… (cut; {len(value):,} characters in all)"
    if isinstance(value, dict):
        return {name: shortened(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shortened(each) for each in value]
    return value


def notes_of(result: Result, document: Any) -> list[str]:
    return [note.say for note in result.notes if holds(note.when, follow(document, note.when.value))]


def object_text(document: Any, result: Result) -> tuple[str, list[str]]:
    """One object as JSON text, and notes."""
    value = shaped(follow(document, result.items) if result.items else document, result)
    encoded = msgspec.json.encode(None if value is ABSENT else value)
    if len(encoded) <= result.max_bytes:
        return encoded.decode(), []
    encoded = msgspec.json.encode(shortened(value))
    if len(encoded) > result.max_bytes:
        raise ProviderFailed(f"The answer has {len(encoded):,} bytes, too many to show. {result.more}".strip())
    return encoded.decode(), [f"Texts longer than {LONGEST_CELL} characters were shortened. {result.more}".strip()]


def file_block(answer: Answer, result: Result, offset: int, uri: str) -> tuple[dict[str, Any], list[str]]:
    """A file as one MCP content block: text from `offset` on, everything else whole."""
    kind = answer.content_type or "application/octet-stream"
    if result.kind is ResultKind.TEXT or kind.startswith("text/") or kind in _TEXTUAL:
        return _text_window(answer.body.decode("utf-8", "replace").removeprefix("\ufeff"), result, offset)
    if len(answer.body) > result.max_file_bytes:
        raise ProviderFailed(
            f"The file is {kind} of {len(answer.body):,} bytes; files that are no text are given whole, "
            f"up to {result.max_file_bytes:,} bytes. {result.more}".strip()
        )
    data = base64.b64encode(answer.body).decode()
    if kind.startswith("image/"):
        return {"type": "image", "data": data, "mimeType": kind}, []
    return {"type": "resource", "resource": {"uri": uri, "mimeType": kind, "blob": data}}, []


def _text_window(text: str, result: Result, offset: int) -> tuple[dict[str, Any], list[str]]:
    window = text[offset : offset + result.max_bytes]
    end = offset + len(window)
    if end >= len(text) and not offset:
        return {"type": "text", "text": window}, []
    note = f"Characters {offset:,} to {end:,} of {len(text):,}."
    if end < len(text):
        note += f" {result.more.replace('{next}', str(end))}"
    return {"type": "text", "text": window}, [note.strip()]
