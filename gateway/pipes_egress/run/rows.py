"""Rows gathered over pages, within a budget, cut between rows."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipes_catalog.exchange import Result

from ..mapping.scope import ABSENT, follow
from .decoders import Columns, columns_of
from .shaping import LONGEST_CELL, shaped, shortened


@dataclass(slots=True)
class Rows:
    """Rows until the caller's number or the budget is reached."""

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
        self.columns = columns_of(self.result.cells, document)
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

    def of(self, document: Any) -> list[Any]:
        """The rows that an answer holds."""
        rows = follow(document, self.result.items) if self.result.items else document
        return rows if isinstance(rows, list) else []

    @property
    def room(self) -> int:
        """How many more rows the caller wants."""
        return max(0, self.wanted - len(self.kept))

    @property
    def complete(self) -> bool:
        """There are as many as are wanted, or as there is room for."""
        return self.left_out or not self.room

    def add(self, rows: list[Any]) -> None:
        """Take in the rows of one page."""
        room, budget, kept = self.room, self.result.max_bytes, self.kept
        self.left_out = len(rows) > room
        for row in rows[:room]:
            record = self._shaped(row)
            encoded = msgspec.json.encode(record)
            if self.size + len(encoded) > budget:
                if kept:
                    self.left_out = True
                    return
                encoded = msgspec.json.encode(shortened(record))
                self.notes.append(f"Texts longer than {LONGEST_CELL:,} characters were shortened.")
            kept.append(encoded)
            self.size += len(encoded) + 1

    def text(self) -> str:
        head = msgspec.json.encode(self.head).decode()[1:-1]
        body = b",".join(self.kept).decode()
        return "{" + (head + "," if head else "") + f'"rows":[{body}]' + "}"

    def _shaped(self, row: Any) -> Any:
        if self.columns is not None:
            row = self.columns.decode(row)
            return [row[place] for place in self._select] if self._select is not None and isinstance(row, list) else row
        return shaped(row, self.result)
