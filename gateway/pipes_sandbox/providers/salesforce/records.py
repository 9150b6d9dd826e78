"""Single records: read, create, change, upsert, delete."""

from __future__ import annotations

from typing import Any, Protocol

from aiohttp import web

from pipes_sandbox.call import Call
from pipes_sandbox.providers.salesforce import errors, ids
from pipes_sandbox.providers.salesforce.evaluate import Evaluator
from pipes_sandbox.providers.salesforce.org import Org, Record, now
from pipes_sandbox.providers.salesforce.results import Results, shown
from pipes_sandbox.providers.salesforce.schema import OBJECTS, SObject
from pipes_sandbox.providers.salesforce.soql import parse
from pipes_sandbox.routing import Router

_PAGE = 2000


class _Surroundings(Protocol):
    def base(self, call: Call) -> str: ...
    def org(self, call: Call) -> Org: ...
    def user_id(self, call: Call, org: Org) -> str: ...


class Records:
    def __init__(self, service: _Surroundings) -> None:
        self._service = service

    def mount(self, router: Router, root: str) -> None:
        for ending in ("", "/"):
            router.add("POST", f"{root}/sobjects/{{object}}{ending}", self._create)
        router.add("GET", f"{root}/sobjects/{{object}}/{{id}}", self._get)
        router.add("PATCH", f"{root}/sobjects/{{object}}/{{id}}", self._update)
        router.add("DELETE", f"{root}/sobjects/{{object}}/{{id}}", self._delete)
        router.add("GET", f"{root}/sobjects/{{object}}/{{field}}/{{value}}", self._get_external)
        router.add("PATCH", f"{root}/sobjects/{{object}}/{{field}}/{{value}}", self._upsert)

    async def _get(self, call: Call) -> web.Response:
        base, org = self._service.base(call), self._service.org(call)
        sobject = org.sobject(call.parameters["object"])
        return self._shown(call, base, sobject, org.get(sobject, call.parameters["id"]))

    async def _get_external(self, call: Call) -> web.Response:
        """A record by external id; or, after a record's own id, what a relationship leads to."""
        base, org = self._service.base(call), self._service.org(call)
        sobject = org.sobject(call.parameters["object"])
        if sobject.find(call.parameters["field"]) is None and ids.normal(call.parameters["field"]) is not None:
            return self._related(call, base, org, sobject)
        found = org.by_external(sobject, call.parameters["field"], call.parameters["value"])
        if not found:
            raise errors.not_found()
        return self._shown(call, base, sobject, found[0])

    def _related(self, call: Call, base: str, org: Org, sobject: SObject) -> web.Response:
        parent = org.get(sobject, call.parameters["field"])
        wanted = call.parameters["value"].lower()
        for name, (kind, reference) in sobject.children.items():
            if name.lower() == wanted:
                fields = call.query("fields") or ", ".join(each.name for each in OBJECTS[kind].fields)
                soql = f"SELECT {fields} FROM {kind} WHERE {reference} = '{parent['Id']}'"  # noqa: S608 - no SQL
                query = parse(soql)
                rows = Results(org, Evaluator(org, deleted=False, today=now().date()), base).rows(query)
                answer = {"totalSize": len(rows), "done": len(rows) <= _PAGE, "records": rows[:_PAGE]}
                return web.json_response(answer)
        raise errors.not_found("The requested resource does not exist")

    def _shown(self, call: Call, base: str, sobject: SObject, record: Record) -> web.Response:
        names = [name.strip() for name in call.query("fields").split(",") if name.strip()]
        fields = []
        for name in names:
            field = sobject.find(name)
            if field is None:
                raise errors.refused(400, "INVALID_FIELD", f"No such column '{name}' on entity '{sobject.name}'")
            fields.append(field)
        attributes = {"type": sobject.name, "url": f"{base}/sobjects/{sobject.name}/{record['Id']}"}
        values = {field.name: shown(record.get(field.name)) for field in fields or sobject.fields}
        return web.json_response({"attributes": attributes, **values, "Id": record["Id"]})

    async def _create(self, call: Call) -> web.Response:
        self._service.base(call)
        org = self._service.org(call)
        sobject, members = org.sobject(call.parameters["object"]), members_of(call)
        self._duplicates(call, org, sobject, members)
        record = org.create(sobject, members, self._service.user_id(call, org))
        return web.json_response(_written(record), status=201)

    async def _update(self, call: Call) -> web.Response:
        self._service.base(call)
        org = self._service.org(call)
        sobject = org.sobject(call.parameters["object"])
        record = org.get(sobject, call.parameters["id"])
        org.update(sobject, record, members_of(call), self._service.user_id(call, org))
        return web.Response(status=204)

    async def _delete(self, call: Call) -> web.Response:
        self._service.base(call)
        org = self._service.org(call)
        sobject = org.sobject(call.parameters["object"])
        record = org.get(sobject, call.parameters["id"])
        if not sobject.writable:
            raise errors.refused(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
        org.delete(record)
        return web.Response(status=204)

    async def _upsert(self, call: Call) -> web.Response:
        """By external id: 201 makes one, 200 changes one, 300 names several that match."""
        base, org = self._service.base(call), self._service.org(call)
        sobject = org.sobject(call.parameters["object"])
        name, value, members = call.parameters["field"], call.parameters["value"], members_of(call)
        found = org.by_external(sobject, name, value)
        if len(found) > 1:
            return web.json_response([f"{base}/sobjects/{sobject.name}/{each['Id']}" for each in found], status=300)
        user_id = self._service.user_id(call, org)
        if found:
            org.update(sobject, found[0], members, user_id)
            return web.json_response({**_written(found[0]), "created": False})
        field = sobject.find(name)
        assert field is not None
        record = org.create(sobject, {**members, field.name: value}, user_id)
        return web.json_response({**_written(record), "created": True}, status=201)

    @staticmethod
    def _duplicates(call: Call, org: Org, sobject: SObject, members: dict[str, Any]) -> None:
        """A duplicate rule on leads: the same e-mail address needs the caller's explicit word."""
        email = str(members.get("Email") or "").lower()
        if sobject.name != "Lead" or not email or "allowsave=true" in _rule(call):
            return
        if any(str(record["Email"] or "").lower() == email for record in org.live(sobject)):
            message = "Use one of these records?"
            raise errors.refused(400, "DUPLICATES_DETECTED", message)


def _rule(call: Call) -> str:
    return call.header("Sforce-Duplicate-Rule-Header").lower().replace(" ", "")


def _written(record: Record) -> dict[str, Any]:
    return {"id": record["Id"], "success": True, "errors": []}


def members_of(call: Call) -> dict[str, Any]:
    try:
        members = call.json()
    except ValueError:
        raise errors.refused(400, "JSON_PARSER_ERROR", "The HTTP entity body is not valid JSON") from None
    if not isinstance(members, dict):
        raise errors.refused(400, "JSON_PARSER_ERROR", "The HTTP entity body must be a JSON object")
    return members
