"""What a query answers with: rows with their attributes, related records, aggregates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from pipes_sandbox.providers.salesforce import errors
from pipes_sandbox.providers.salesforce.evaluate import Evaluator, Path
from pipes_sandbox.providers.salesforce.org import Org, Record
from pipes_sandbox.providers.salesforce.schema import OBJECTS, SObject
from pipes_sandbox.providers.salesforce.soql import Aggregate, Query

_FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len(set(values)),
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values) if values else None,
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
}


class Results:
    def __init__(self, org: Org, evaluator: Evaluator, base: str) -> None:
        self._org = org
        self._evaluator = evaluator
        self._base = base
        """Path before `/sobjects`, with the API version the caller chose."""

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """Raises RefusalError for fields that are not there or queries that make no sense."""
        sobject = self._evaluator.sobject(query)
        if query.aggregates:
            return self._aggregated(query, sobject)
        if query.every_field:
            if query.limit is None or query.limit > 200:
                raise errors.malformed_query("The SOQL FIELDS function must have a LIMIT of at most 200")
            query.paths = [field.name for field in sobject.fields]
        paths = [self._evaluator.path(sobject, text, query.alias) for text in query.paths]
        children = [(child, *self._child(sobject, child)) for child in query.children]
        rows = []
        for record in self._evaluator.records(query):
            row = self._row(sobject, record, paths)
            for child, kind, reference in children:
                row[child.sobject] = self._nested(child, kind, reference, record)
            rows.append(row)
        return rows

    def _row(self, sobject: SObject, record: Record, paths: list[Path]) -> dict[str, Any]:
        row: dict[str, Any] = {"attributes": self.attributes(sobject, record["Id"])}
        for path in paths:
            target, owner, here = row, record, sobject
            for hop in path.hops:
                related = self._org.records[hop.reference_to].get(owner.get(hop.name) or "")
                if related is None:
                    target[hop.relationship] = None
                    break
                here = OBJECTS[hop.reference_to]
                target = target.setdefault(hop.relationship, {"attributes": self.attributes(here, related["Id"])})
                owner = related
            else:
                target[path.field.name] = shown(owner.get(path.field.name))
        return row

    def _child(self, sobject: SObject, child: Query) -> tuple[SObject, str]:
        for name, (kind, reference) in sobject.children.items():
            if name.lower() == child.sobject.lower():
                return OBJECTS[kind], reference
        message = f"\nDidn't understand relationship '{child.sobject}' in FROM part of query call."
        raise errors.refused(400, "INVALID_TYPE", message)

    def _nested(self, child: Query, kind: SObject, reference: str, parent: Record) -> dict[str, Any] | None:
        inner = Query(
            sobject=kind.name, alias=child.alias, where=child.where, order_by=child.order_by, limit=child.limit
        )
        paths = [self._evaluator.path(kind, text, child.alias) for text in child.paths]
        limit, inner.limit = inner.limit, None
        found = [record for record in self._evaluator.records(inner) if record.get(reference) == parent["Id"]][:limit]
        if not found:
            return None
        rows = [self._row(kind, record, paths) for record in found]
        return {"totalSize": len(rows), "done": True, "records": rows}

    def _aggregated(self, query: Query, sobject: SObject) -> list[dict[str, Any]]:
        grouping = [self._evaluator.path(sobject, text, query.alias) for text in query.group_by]
        for text in query.paths:
            if text.lower() not in [each.lower() for each in query.group_by]:
                raise errors.malformed_query(f"Field must be grouped or aggregated: {text}")
        whole = Query(sobject=query.sobject, alias=query.alias, where=query.where)
        groups: dict[tuple[Any, ...], list[Record]] = {}
        for record in self._evaluator.records(whole):
            groups.setdefault(tuple(path.read(self._org, record) for path in grouping), []).append(record)
        if not grouping and not groups:
            groups[()] = []
        rows = []
        for key, records in groups.items():
            row: dict[str, Any] = {"attributes": {"type": "AggregateResult"}}
            for path, value in zip(grouping, key, strict=True):
                row[path.field.name] = shown(value)
            for aggregate in query.aggregates:
                row[aggregate.alias] = shown(self._value(aggregate, sobject, query, records))
            rows.append(row)
        for text, descending, _ in reversed(query.order_by):
            if any(text not in row for row in rows):
                raise errors.malformed_query(f"Ordered field must be grouped or aggregated: {text}")
            rows.sort(key=lambda row: (row[text] is not None, row[text] or 0), reverse=descending)
        return rows[query.offset : None if query.limit is None else query.offset + query.limit]

    def _value(self, aggregate: Aggregate, sobject: SObject, query: Query, records: list[Record]) -> Any:
        if not aggregate.path:
            return len(records)
        path = self._evaluator.path(sobject, aggregate.path, query.alias)
        values = [value for record in records if (value := path.read(self._org, record)) is not None]
        try:
            return _FUNCTIONS[aggregate.function](values)
        except TypeError:
            message = f"\nfield {path.field.name} does not support aggregate operator {aggregate.function}"
            raise errors.malformed_query(message) from None

    def attributes(self, sobject: SObject, record_id: str) -> dict[str, str]:
        return {"type": sobject.name, "url": f"{self._base}/sobjects/{sobject.name}/{record_id}"}


def shown(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return value.isoformat() if isinstance(value, dt.date) else value
