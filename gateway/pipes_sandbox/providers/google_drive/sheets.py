"""Google Sheets v4 at `sheets.googleapis.com`: the sheets of a spreadsheet, and values read and written by range."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call
from pipes_sandbox.google.errors import canonical
from pipes_sandbox.providers.google_drive import cells, fields, resource
from pipes_sandbox.providers.google_drive.access import SHEETS_READ, SHEETS_WRITE, Access
from pipes_sandbox.providers.google_drive.editors import body_of, opened
from pipes_sandbox.providers.google_drive.model import SPREADSHEET, DriveFile
from pipes_sandbox.providers.google_drive.store import DriveStore

_RENDERS = ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
_INPUTS = ("RAW", "USER_ENTERED")
_INSERTS = ("OVERWRITE", "INSERT_ROWS")
Values = list[list[Any]]


class Sheets:
    def __init__(self, store: DriveStore, access: Access) -> None:
        self._store = store
        self._access = access

    async def get(self, call: Call) -> web.Response:
        file = self._file(call, "GetSpreadsheet")
        sheets = [
            {
                "properties": {
                    "sheetId": index,
                    "title": title,
                    "index": index,
                    "sheetType": "GRID",
                    "gridProperties": dict(zip(("rowCount", "columnCount"), cells.size(grid), strict=True)),
                }
            }
            for index, (title, grid) in enumerate(cells.sheets_of(file).items())
        ]
        document = {
            "spreadsheetId": file.id,
            "properties": {"title": file.name, "locale": "en_GB", "timeZone": "Europe/Zurich"},
            "sheets": sheets,
            "spreadsheetUrl": f"https://docs.google.com/spreadsheets/d/{file.id}/edit",
        }
        mask = fields.parse(call.query("fields").replace(".", "/") or "*")
        return web.json_response(
            fields.cut(document, mask, {"spreadsheet": resource.KNOWN["spreadsheet"]}, "spreadsheet")
        )

    async def read(self, call: Call) -> web.Response:
        file = self._file(call, "GetValues")
        render = _one_of(call, "valueRenderOption", _RENDERS, _RENDERS[0])
        sheets = cells.sheets_of(file)
        where = cells.parse(call.parameters["range"], sheets)
        rows: Values = [
            [cells.shown(cell, render, sheets, where.sheet) for cell in _trimmed(row[where.left : where.right])]
            for row in sheets[where.sheet][where.top : where.bottom]
        ]
        while rows and not rows[-1]:
            rows.pop()
        height, width = cells.size(sheets[where.sheet])
        told = cells.Range(where.sheet, where.top, where.left, min(where.bottom, height), min(where.right, width))
        answer = {"range": str(told), "majorDimension": "ROWS"}
        return web.json_response({**answer, "values": rows} if rows else answer)

    async def update(self, call: Call) -> web.Response:
        file = self._file(call, "UpdateValues", change=True)
        values, option = _values(call), _input(call)
        sheets = cells.sheets_of(file)
        where = cells.parse(call.parameters["range"], sheets)
        wide, high = max(map(len, values), default=0), len(values)
        single = where.bottom - where.top == 1 and where.right - where.left == 1
        if not single and (wide > where.right - where.left or high > where.bottom - where.top):
            message = f"Requested writing within range [{where}], but tried writing outside of it"
            raise canonical(400, message)
        written = cells.Range(where.sheet, where.top, where.left, where.top + high, where.left + wide)
        _write(sheets[where.sheet], written, values, option)
        cells.keep(file, where.sheet, sheets[where.sheet])
        return web.json_response(_updated(file, written, values))

    async def append(self, call: Call) -> web.Response:
        file = self._file(call, "AppendValues", change=True)
        values, option = _values(call), _input(call)
        insert = _one_of(call, "insertDataOption", _INSERTS, "OVERWRITE") == "INSERT_ROWS"
        sheets = cells.sheets_of(file)
        where = cells.parse(call.parameters["range"], sheets)
        grid = sheets[where.sheet]
        end = where.top
        while end < len(grid) and any(grid[end][where.left : where.right]):
            end += 1
        if insert:
            grid[end:end] = [[] for _ in values]
        wide = max(map(len, values), default=0)
        written = cells.Range(where.sheet, end, where.left, end + len(values), where.left + wide)
        _write(grid, written, values, option)
        cells.keep(file, where.sheet, grid)
        answer = {"spreadsheetId": file.id, "updates": _updated(file, written, values)}
        if end > where.top:
            table = [len(_trimmed(row[where.left : where.right])) for row in grid[where.top : end]]
            shown = cells.Range(where.sheet, where.top, where.left, end, where.left + max(table))
            answer["tableRange"] = str(shown)
        return web.json_response(answer)

    def _file(self, call: Call, method: str, *, change: bool = False) -> DriveFile:
        person = self._access.person(call, SHEETS_WRITE if change else SHEETS_READ, method)
        return opened(self._store, call.parameters["id"], person, SPREADSHEET, change=change)


def _trimmed(row: list[str]) -> list[str]:
    end = len(row)
    while end and not row[end - 1]:
        end -= 1
    return row[:end]


def _values(call: Call) -> Values:
    values = body_of(call).get("values", [])
    if not isinstance(values, list) or not all(isinstance(row, list) for row in values):
        raise canonical(400, "Invalid value at 'data.values'")
    if any(isinstance(cell, dict | list) for row in values for cell in row):
        raise canonical(400, "Invalid values: list and struct values are not allowed")
    return values


def _write(grid: cells.Grid, where: cells.Range, values: Values, option: str) -> None:
    while len(grid) < where.bottom:
        grid.append([])
    for row, given in zip(grid[where.top : where.bottom], values, strict=True):
        row += [""] * (where.left + len(given) - len(row))
        for column, value in enumerate(given, where.left):
            if value is not None:  # null leaves the cell as it is
                row[column] = cells.stored(value, option)


def _updated(file: DriveFile, where: cells.Range, values: Values) -> dict[str, Any]:
    return {
        "spreadsheetId": file.id,
        "updatedRange": str(where),
        "updatedRows": len(values),
        "updatedColumns": max(map(len, values), default=0),
        "updatedCells": sum(map(len, values)),
    }


def _input(call: Call) -> str:
    if not call.query("valueInputOption"):
        raise canonical(400, "'valueInputOption' is required but not specified")
    return _one_of(call, "valueInputOption", _INPUTS, "")


def _one_of(call: Call, name: str, known: tuple[str, ...], default: str) -> str:
    value = call.query(name, default)
    if value not in known:
        raise canonical(400, f"Invalid value at '{name}': \"{value}\"")
    return value
