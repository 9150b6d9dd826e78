"""Kinds of records and their properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import errors

STANDARD = ("contacts", "companies", "deals", "tickets")
ACTIVITIES = ("notes", "tasks")
TYPES = (*STANDARD, *ACTIVITIES)

SINGULAR = {
    "contact": "contacts",
    "company": "companies",
    "deal": "deals",
    "ticket": "tickets",
    "note": "notes",
    "task": "tasks",
}

IDS = {
    ("contacts", "companies"): 279,
    ("companies", "contacts"): 280,
    ("contacts", "deals"): 4,
    ("deals", "contacts"): 3,
    ("contacts", "tickets"): 15,
    ("tickets", "contacts"): 16,
    ("companies", "deals"): 342,
    ("deals", "companies"): 341,
    ("companies", "tickets"): 340,
    ("tickets", "companies"): 339,
    ("deals", "tickets"): 27,
    ("tickets", "deals"): 28,
    ("notes", "contacts"): 202,
    ("contacts", "notes"): 201,
    ("notes", "companies"): 190,
    ("companies", "notes"): 189,
    ("notes", "deals"): 214,
    ("deals", "notes"): 213,
    ("notes", "tickets"): 228,
    ("tickets", "notes"): 227,
    ("tasks", "contacts"): 204,
    ("contacts", "tasks"): 203,
    ("tasks", "companies"): 192,
    ("companies", "tasks"): 191,
    ("tasks", "deals"): 216,
    ("deals", "tasks"): 215,
    ("tasks", "tickets"): 230,
    ("tickets", "tasks"): 229,
}
"""HubSpot's own associations, without a label: from which kind to which."""


def type_of(name: str) -> str:
    """Raises RefusalError for a kind that there is not."""
    found = SINGULAR.get(name, name)
    if found not in TYPES:
        raise errors.invalid(f"Unable to infer object type from: {name}")
    return found


def one_of(kind: str) -> str:
    """The word for one record of a kind."""
    return next(one for one, many in SINGULAR.items() if many == kind)


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    label: str
    type: str = "string"
    options: tuple[str, ...] = ()
    read_only: bool = False
    unique: bool = False
    required: bool = False
    searched: bool = False
    """Whether the `query` of a search looks into it."""
    default: bool = False
    """Whether it is given when none are asked for."""

    def shape(self) -> dict[str, Any]:
        field = {"number": "number", "datetime": "date", "enumeration": "select", "bool": "booleancheckbox"}
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": field.get(self.type, "text"),
            "description": "",
            "groupName": "information",
            "options": [
                {"label": each, "value": each, "displayOrder": place, "hidden": False}
                for place, each in enumerate(self.options)
            ],
            "hasUniqueValue": self.unique,
            "hidden": False,
            "archived": False,
            "calculated": False,
            "externalOptions": False,
            "formField": True,
            "hubspotDefined": True,
            "modificationMetadata": {"archivable": True, "readOnlyValue": self.read_only, "readOnlyDefinition": True},
        }

    def problem(self, value: str) -> dict[str, Any] | None:
        """Why HubSpot would refuse this value, in its words."""
        if self.read_only:
            return self._problem(f'"{self.name}" is a read only property; its value cannot be set.', "READ_ONLY_VALUE")
        if value == "":
            return None
        if self.type == "number" and not _is_number(value):
            return self._problem(f'"{value}" was not a valid number.', "INVALID_DOUBLE")
        if self.type == "datetime" and not is_moment(value):
            return self._problem(f'"{value}" was not a valid datetime.', "INVALID_DATE")
        if self.options and value not in self.options:
            allowed = ", ".join(self.options)
            return self._problem(f"{value} was not one of the allowed options: [{allowed}]", "INVALID_OPTION")
        if self.name == "email" and "@" not in value:
            return self._problem(f"Email address {value} is invalid", "INVALID_EMAIL")
        return None

    def _problem(self, message: str, error: str) -> dict[str, Any]:
        return {"isValid": False, "message": message, "error": error, "name": self.name}


Properties = Mapping[str, Property]


def schemas(data: Mapping[str, Any]) -> dict[str, dict[str, Property]]:
    """The properties of each kind, those that HubSpot adds to all included."""
    found = {}
    for kind in TYPES:
        changed = "lastmodifieddate" if kind == "contacts" else "hs_lastmodifieddate"
        common = [
            Property("hs_object_id", "Record ID", read_only=True, default=True),
            Property(
                "createdate" if kind in STANDARD else "hs_createdate", "Create date", "datetime", (), True, default=True
            ),
            Property(changed, "Last modified", "datetime", (), True, default=True),
        ]
        own = [
            Property(name, **{**rule, "options": tuple(rule.get("options", ()))}) for name, rule in data[kind].items()
        ]
        found[kind] = {each.name: each for each in [*common, *own]}
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def is_moment(text: str) -> bool:
    """A time in ISO 8601, or in milliseconds since 1970."""
    if text.isascii() and text.isdigit():
        return True
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
