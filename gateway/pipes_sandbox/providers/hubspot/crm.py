"""The records of one account, and what joins them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from . import errors
from .schema import IDS, STANDARD, Properties, one_of, schemas


@dataclass(slots=True)
class Record:
    id: str
    kind: str
    properties: dict[str, str]
    created: str
    updated: str
    joined: dict[str, dict[str, int]] = field(default_factory=dict)
    """By the other kind: ids of the others, and the association's type."""

    def shape(self, schema: Properties, asked: list[str]) -> dict[str, Any]:
        """The properties asked for, and always the few that HubSpot adds; null for what has no value."""
        always = [each.name for each in schema.values() if each.default and (not asked or each.read_only)]
        names = dict.fromkeys([*always, *(name for name in asked if name in schema)])
        return {
            "id": self.id,
            "properties": {name: self.value(name) for name in names},
            "createdAt": self.created,
            "updatedAt": self.updated,
            "archived": False,
        }

    def value(self, name: str) -> str | None:
        if name == "hs_object_id":
            return self.id
        if name in ("createdate", "hs_createdate"):
            return self.created
        if name in ("lastmodifieddate", "hs_lastmodifieddate"):
            return self.updated
        return self.properties.get(name) or None


class Crm:
    def __init__(self, data: Mapping[str, Any]) -> None:
        self.schemas = schemas(data["properties"])
        self.owners: list[dict[str, Any]] = list(data.get("owners") or ())
        self.records: dict[str, dict[str, Record]] = {kind: {} for kind in self.schemas}
        self._next = 51_000_000_000
        self._last = 0.0
        for kind, entries in (data.get("records") or {}).items():
            for entry in entries:
                self._seed(kind, entry)
        for rule in data.get("generated") or ():
            for number in range(rule["count"]):
                values = {name: _filled(value, number) for name, value in rule["properties"].items()}
                joined = {kind: [ids[number % len(ids)]] for kind, ids in (rule.get("joined") or {}).items()}
                self._seed(rule["kind"], {"id": str(rule["first"] + number), "properties": values, "joined": joined})

    def get(self, kind: str, key: str, id_property: str = "") -> Record:
        for each in self.records[kind].values():
            if (each.properties.get(id_property, "").lower() == key.lower()) if id_property else each.id == key:
                return each
        raise errors.not_found()

    def create(self, kind: str, values: Mapping[str, str]) -> Record:
        self._check(kind, values)
        for each in self.schemas[kind].values():
            if each.required and not values.get(each.name):
                raise errors.invalid_properties(
                    [
                        {
                            "isValid": False,
                            "message": f"{each.name} is required",
                            "error": "REQUIRED_FIELD",
                            "name": each.name,
                        }
                    ]
                )
        self._unique(kind, values)
        self._next += 1
        now = self.now()
        record = Record(str(self._next), kind, dict(values), now, now)
        self.records[kind][record.id] = record
        return record

    def update(self, record: Record, values: Mapping[str, str]) -> None:
        self._check(record.kind, values)
        self._unique(record.kind, values, but=record)
        record.properties |= values
        record.updated = self.now()

    def join(self, one: Record, other: Record, type_id: int) -> None:
        """Both ways, as HubSpot does it."""
        one.joined.setdefault(other.kind, {})[other.id] = type_id
        other.joined.setdefault(one.kind, {})[one.id] = IDS[other.kind, one.kind]

    def every(self, kind: str) -> Iterator[Record]:
        return iter(self.records[kind].values())

    def now(self) -> str:
        """Later than every moment before."""
        self._last = max(time.time(), self._last + 0.001)
        return datetime.fromtimestamp(self._last, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _check(self, kind: str, values: Mapping[str, str]) -> None:
        problems = []
        for name, value in values.items():
            known = self.schemas[kind].get(name)
            if known is None:
                message = f'Property "{name}" does not exist'
                problems.append({"isValid": False, "message": message, "error": "PROPERTY_DOESNT_EXIST", "name": name})
            elif problem := known.problem(value):
                problems.append(problem)
        if problems:
            raise errors.invalid_properties(problems)

    def _unique(self, kind: str, values: Mapping[str, str], but: Record | None = None) -> None:
        for each in self.schemas[kind].values():
            value = values.get(each.name)
            if not each.unique or not value:
                continue
            for other in self.records[kind].values():
                if other is not but and other.properties.get(each.name, "").lower() == value.lower():
                    what = one_of(kind).capitalize()
                    raise errors.refused(409, "CONFLICT", f"{what} already exists. Existing ID: {other.id}")

    def _seed(self, kind: str, entry: Mapping[str, Any]) -> None:
        at = entry.get("at", "2026-09-01T08:00:00.000Z")
        values = {name: str(value) for name, value in entry["properties"].items()}
        record = Record(str(entry["id"]), kind, values, at, at)
        self.records[kind][record.id] = record
        for other, ids in (entry.get("joined") or {}).items():
            for key in ids:
                self.join(record, self.records[other][str(key)], IDS[kind, other])

    def describe(self) -> dict[str, int]:
        return {kind: len(self.records[kind]) for kind in (*STANDARD, "notes", "tasks")}


def _filled(value: Any, number: int) -> str:
    """A text with `{n}`; of a list, one after the other."""
    chosen = value[number % len(value)] if isinstance(value, list) else value
    return str(chosen).format(n=number)
