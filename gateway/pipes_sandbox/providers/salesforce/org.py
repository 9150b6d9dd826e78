"""One org's records: what a write must satisfy, and what it leaves behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from pipes_sandbox.providers.salesforce import errors, ids
from pipes_sandbox.providers.salesforce.schema import OBJECTS, Field, SObject, find

Record = dict[str, Any]


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


class Org:
    def __init__(self, organization_id: str) -> None:
        self.id = organization_id
        self.records: dict[str, dict[str, Record]] = {name: {} for name in OBJECTS}
        self.calls = 0
        self._numbers = dict.fromkeys(OBJECTS, 0)

    def sobject(self, name: str) -> SObject:
        sobject = find(name)
        if sobject is None:
            raise errors.not_found()
        return sobject

    def live(self, sobject: SObject) -> Iterator[Record]:
        return (record for record in list(self.records[sobject.name].values()) if not record["IsDeleted"])

    def get(self, sobject: SObject, record_id: str) -> Record:
        record = self.records[sobject.name].get(ids.normal(record_id) or "")
        if record is None or record["IsDeleted"]:
            raise errors.not_found()
        return record

    def by_external(self, sobject: SObject, name: str, value: str) -> list[Record]:
        field = sobject.find(name)
        if field is None or not field.external_id:
            message = f"Provided external ID field does not exist or is not accessible: {name}"
            raise errors.not_found(message)
        return [record for record in self.live(sobject) if str(record.get(field.name) or "").lower() == value.lower()]

    def create(self, sobject: SObject, members: Mapping[str, Any], user_id: str) -> Record:
        values = self._checked(sobject, members)
        missing = [each.name for each in sobject.fields if each.required and values.get(each.name) in (None, "")]
        if missing:
            raise errors.refused(
                400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing
            )
        self._unique(sobject, values, None)
        return self.insert(sobject, values, user_id)

    def insert(
        self, sobject: SObject, values: Mapping[str, Any], user_id: str, when: dt.datetime | None = None
    ) -> Record:
        """Without the checks of `create`: for the seed."""
        moment = when or now()
        self._numbers[sobject.name] += 1
        record: Record = {each.name: None for each in sobject.fields}
        record |= {
            "Id": ids.make(sobject.prefix, self._numbers[sobject.name]),
            "IsDeleted": False,
            "CreatedDate": moment,
            "CreatedById": user_id,
            "LastModifiedDate": moment,
            "LastModifiedById": user_id,
            "SystemModstamp": moment,
        }
        if sobject.find("OwnerId"):
            record["OwnerId"] = user_id
        record |= values
        _derive(sobject, record)
        self.records[sobject.name][record["Id"]] = record
        return record

    def update(self, sobject: SObject, record: Record, members: Mapping[str, Any], user_id: str) -> None:
        values = self._checked(sobject, members)
        emptied = [each.name for each in sobject.fields if each.required and values.get(each.name, "x") in (None, "")]
        if emptied:
            raise errors.refused(
                400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(emptied)}]", emptied
            )
        self._unique(sobject, values, record)
        record |= values
        record |= {"LastModifiedDate": now(), "SystemModstamp": now(), "LastModifiedById": user_id}
        _derive(sobject, record)

    def delete(self, record: Record) -> None:
        """Into the recycle bin: queryAll still finds it."""
        record |= {"IsDeleted": True, "SystemModstamp": now()}

    def _checked(self, sobject: SObject, members: Mapping[str, Any]) -> Record:
        if not sobject.writable:
            message = f"entity type {sobject.name} does not support create or update"
            raise errors.refused(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
        values: Record = {}
        for name, value in members.items():
            if name == "attributes":
                continue
            field = sobject.find(name)
            if field is None:
                message = f"No such column '{name}' on sobject of type {sobject.name}"
                raise errors.refused(400, "INVALID_FIELD", message)
            if not field.writable:
                message = (
                    f"Unable to create/update fields: {field.name}. Please check the security settings of this field "
                    "and verify that it is read/write for your profile or permission set."
                )
                raise errors.refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, [field.name])
            values[field.name] = None if value is None else self._value(field, value)
        return values

    def _value(self, field: Field, value: Any) -> Any:
        if field.kind == "boolean":
            if isinstance(value, bool):
                return value
        elif field.kind in ("currency", "percent"):
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
        elif isinstance(value, str):
            return self._text(field, value)
        message = f"Cannot deserialize instance of {field.kind} from value {value!r}"
        raise errors.refused(400, "JSON_PARSER_ERROR", message)

    def _text(self, field: Field, value: str) -> Any:
        if field.kind == "date":
            try:
                return dt.date.fromisoformat(value)
            except ValueError:
                message = f"Cannot deserialize instance of date from VALUE_STRING value {value}"
                raise errors.refused(400, "JSON_PARSER_ERROR", message) from None
        if field.kind == "reference":
            target = ids.normal(value)
            if target is None:
                message = f"{field.name}: id value of incorrect type: {value}"
                raise errors.refused(400, "MALFORMED_ID", message, [field.name])
            if target not in self.records[field.reference_to]:
                message = f"invalid cross reference id: {value}"
                raise errors.refused(400, "INVALID_CROSS_REFERENCE_KEY", message, [field.name])
            return target
        if field.length and len(value) > field.length:
            message = f"{field.name}: data value too large: {value[:60]} (max length={field.length})"
            raise errors.refused(400, "STRING_TOO_LONG", message, [field.name])
        if field.kind == "email" and "@" not in value:
            raise errors.refused(
                400, "INVALID_EMAIL_ADDRESS", f"{field.name}: invalid email address: {value}", [field.name]
            )
        return value

    def _unique(self, sobject: SObject, values: Record, own: Record | None) -> None:
        for field in sobject.fields:
            if not field.external_id or values.get(field.name) is None:
                continue
            for other in self.by_external(sobject, field.name, str(values[field.name])):
                if other is not own:
                    message = f"duplicate value found: {field.name} duplicates value on record with id: {other['Id']}"
                    raise errors.refused(400, "DUPLICATE_VALUE", message, [field.name])


def _derive(sobject: SObject, record: Record) -> None:
    """Fields that follow from others."""
    if sobject.find("LastName"):
        record["Name"] = " ".join(part for part in (record["FirstName"], record["LastName"]) if part)
    if sobject.name == "Opportunity":
        record["IsWon"] = record["StageName"] == "Closed Won"
        record["IsClosed"] = str(record["StageName"]).startswith("Closed")
        if record["Probability"] is None:
            record["Probability"] = 100.0 if record["IsWon"] else 0.0 if record["IsClosed"] else 40.0
    if sobject.name == "Lead" and record["Status"] is None:
        record["Status"] = "Open - Not Contacted"
