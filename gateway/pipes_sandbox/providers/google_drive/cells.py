"""Grids of cells, and ranges of them in A1 notation."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from pipes_sandbox.google.errors import canonical
from pipes_sandbox.providers.google_drive.model import DriveFile

Grid = list[list[str]]
FIRST = "Sheet1"
ROWS, COLUMNS = 1000, 26
"""The size of a sheet that holds less."""

_RANGE = re.compile(
    r"(?P<left>[A-Z]{0,3})(?P<top>\d{0,7})(?::(?P<right>[A-Z]{0,3})(?P<bottom>\d{0,7}))?", re.IGNORECASE
)
_SUM = re.compile(r"=SUM\(([^()]+)\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Range:
    """Counted from 0, ends not included."""

    sheet: str
    top: int
    left: int
    bottom: int
    right: int

    def __str__(self) -> str:
        name = self.sheet if re.fullmatch(r"[A-Za-z]\w*", self.sheet) else "'" + self.sheet.replace("'", "''") + "'"
        first, last = f"{letters(self.left)}{self.top + 1}", f"{letters(self.right - 1)}{self.bottom}"
        return f"{name}!{first}" if first == last else f"{name}!{first}:{last}"


def sheets_of(file: DriveFile) -> dict[str, Grid]:
    return {name: list(csv.reader(io.StringIO(text))) for name, text in texts_of(file).items()}


def texts_of(file: DriveFile) -> dict[str, str]:
    return {FIRST: file.content.decode("utf-8", "replace"), **file.tabs}


def keep(file: DriveFile, sheet: str, grid: Grid) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(grid)
    if sheet == FIRST:
        file.content = out.getvalue().encode()
    else:
        file.tabs[sheet] = out.getvalue()
    file.touch()


def parse(text: str, sheets: dict[str, Grid]) -> Range:
    """`Sheet1!A1:C3`, `'My sheet'!A:C`, `A1`, or a sheet's name. Raises RefusalError 400."""
    name, cells = FIRST, text
    if found := re.fullmatch(r"(?:'((?:[^']|'')*)'|([^'!]+))(?:!(.*))?", text):
        given = found[1].replace("''", "'") if found[1] is not None else found[2]
        if found[3] is not None or given in sheets:
            name, cells = given, found[3] or ""
    match = _RANGE.fullmatch(cells)
    if name not in sheets or match is None or (cells and not match["left"] and not match["top"]):
        raise canonical(400, f"Unable to parse range: {text}")
    height, width = size(sheets[name])
    single = match["right"] is None and bool(match["left"] and match["top"])
    left, top = number(match["left"], 0), int(match["top"] or 1) - 1
    right = left + 1 if single else number(match["right"] or "", width - 1) + 1
    bottom = top + 1 if single else int(match["bottom"] or height)
    if right <= left or bottom <= top:
        raise canonical(400, f"Unable to parse range: {text}")
    return Range(name, top, left, bottom, right)


def size(grid: Grid) -> tuple[int, int]:
    return max(ROWS, len(grid)), max(COLUMNS, *(len(row) for row in grid), 0)


def number(column: str, default: int) -> int:
    """Of a column's letters: A is 0."""
    value = 0
    for letter in column.upper():
        value = value * 26 + ord(letter) - 64
    return value - 1 if column else default


def letters(column: int) -> str:
    text, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def shown(cell: str, render: str, sheets: dict[str, Grid], sheet: str) -> str | float:
    """A cell as it is displayed, as its plain value, or with its formula. `'` before a text keeps it from being one."""
    if cell.startswith("'"):
        return cell[1:]
    if cell.startswith("="):
        if render == "FORMULA":
            return cell
        value = _computed(cell, sheets, sheet)
        return value if render == "UNFORMATTED_VALUE" or isinstance(value, str) else f"{value:g}"
    plain = _number(cell)
    return plain if render != "FORMATTED_VALUE" and plain is not None else cell


def stored(value: object, option: str) -> str:
    """How a value is kept: RAW text is never a formula."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    text = "" if value is None else str(value)
    return f"'{text}" if option == "RAW" and isinstance(value, str) and text.startswith(("=", "'")) else text


def _computed(formula: str, sheets: dict[str, Grid], sheet: str) -> str | float:
    """Sums; the stand-in knows no other function."""
    found = _SUM.fullmatch(formula)
    if found is None:
        return "#NAME?"
    where = parse(found[1] if "!" in found[1] else f"'{sheet}'!{found[1]}", sheets)
    cells = (cell for row in sheets[where.sheet][where.top : where.bottom] for cell in row[where.left : where.right])
    return sum(value for cell in cells if (value := _number(cell)) is not None)


def _number(cell: str) -> float | None:
    if not re.fullmatch(r"-?\d{1,15}(\.\d+)?", cell):
        return None
    return float(cell) if "." in cell else int(cell)
