"""Properties of data sources: their schema, values as they are taken, stored and given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from . import errors, richtext


@dataclass(slots=True)
class Property:
    """One column. `id` is short, as at Notion; that of the title is always `title`."""

    id: str
    name: str
    type: str
    options: list[str] = field(default_factory=list)

    def shape(self) -> dict[str, Any]:
        inner: dict[str, Any] = {}
        if self.options:
            inner = {"options": [_option(each) for each in self.options]}
        elif self.type == "number":
            inner = {"format": "number"}
        return {"id": self.id, "name": self.name, "type": self.type, self.type: inner}


TITLE = Property("title", "title", "title")
"""The one property of a page that is in no data source."""


def find(schema: Mapping[str, Property], key: str) -> Property:
    """By name or id. Raises RefusalError in Notion's words."""
    for each in schema.values():
        if key in (each.name, each.id):
            return each
    raise errors.invalid(f"Could not find property with name or id: {key}")


def taken(property_: Property, value: Any) -> Any:
    """A value as a caller writes it, `{"select": {"name": "A"}}`; what is kept is what stands under the type."""
    if not isinstance(value, dict) or property_.type not in value:
        raise errors.invalid(f"{property_.name} is expected to be {property_.type}.")
    inner = value[property_.type]
    match property_.type:
        case "title" | "rich_text":
            return richtext.taken(inner, f"body.properties.{property_.name}.{property_.type}")
        case "select" | "status":
            return None if inner is None else _chosen(property_, inner)
        case "multi_select":
            return [_chosen(property_, each) for each in _list(property_, inner)]
        case "number" if inner is None or (isinstance(inner, int | float) and not isinstance(inner, bool)):
            return inner
        case "checkbox" if isinstance(inner, bool):
            return inner
        case "date":
            return None if inner is None else _dates(property_, inner)
        case "people":
            return [{"object": "user", "id": each.get("id")} for each in _list(property_, inner)]
        case "url" | "email" | "phone_number" if inner is None or isinstance(inner, str):
            return inner
    raise errors.invalid(f"body failed validation: body.properties.{property_.name}.{property_.type} is not valid.")


def given(property_: Property, value: Any) -> dict[str, Any]:
    empty: Any = [] if property_.type in ("title", "rich_text", "multi_select", "people") else None
    if property_.type == "checkbox":
        empty = False
    return {"id": property_.id, "type": property_.type, property_.type: empty if value is None else value}


def seeded(property_: Property, value: Any) -> Any:
    """A value as a seed writes it, short: `Renewal`, `A`, `[A, B]`, 3."""
    match property_.type:
        case "title" | "rich_text":
            return richtext.written(str(value))
        case "select" | "status":
            return _option(value)
        case "multi_select":
            return [_option(each) for each in value]
        case "date":
            return {"start": str(value), "end": None, "time_zone": None}
        case "people":
            return [{"object": "user", "id": each} for each in value]
    return value


def _option(name: str) -> dict[str, Any]:
    return {"id": f"opt-{name.lower().replace(' ', '-')}", "name": name, "color": "default"}


def _chosen(property_: Property, value: Any) -> dict[str, Any]:
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str) or "," in name:
        raise errors.invalid(f"Invalid select option, commas not allowed: {name}" if name else "Select needs a name.")
    if name not in property_.options:
        if property_.type == "status":
            raise errors.invalid(f'Invalid status option. Status option "{name}" does not exist.')
        property_.options.append(name)  # as at Notion, naming an option makes it
    return _option(name)


def _list(property_: Property, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise errors.invalid(f"{property_.name} is expected to be {property_.type}.")
    return value


def _dates(property_: Property, value: Any) -> dict[str, Any]:
    for name in ("start", "end"):
        text = value.get(name) if isinstance(value, dict) else None
        if text is None and name == "end":
            continue
        try:
            moment(str(text))
        except ValueError:
            raise errors.invalid(
                f"body failed validation: body.properties.{property_.name}.date.{name} should be a valid ISO 8601 date "
                f"string, instead was `{text!r}`."
            ) from None
    return {"start": value["start"], "end": value.get("end"), "time_zone": value.get("time_zone")}


def moment(text: str) -> str:
    """A date or time in a form in which earlier is smaller. Raises ValueError when it is neither."""
    if len(text) == 10:
        return f"{date.fromisoformat(text).isoformat()}T00:00:00"
    return datetime.fromisoformat(text).replace(tzinfo=None).isoformat()
