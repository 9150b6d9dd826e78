"""`https://api.hubapi.com/crm`: records, their properties, owners, and what is associated with what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import ProviderToken, TokenBook

from . import errors, search
from .crm import Crm, Record
from .schema import ACTIVITIES, IDS, one_of, type_of

Handler = Callable[[Call, ProviderToken], tuple[int, Any]]

LARGEST_LIST = 100


class HubSpotService(Service):
    name = "hubspot"
    prefixes = ("/crm/",)

    def __init__(self, tokens: TokenBook, data: Mapping[str, Any]) -> None:
        super().__init__()
        self._tokens = tokens
        self._crm = Crm(data)
        one = "/crm/v3/objects/{type}/{id}"
        routes: list[tuple[str, str, Handler]] = [
            ("GET", "/crm/v3/owners", self._owners),
            ("GET", "/crm/v3/owners/", self._owners),
            ("GET", "/crm/v3/properties/{type}", self._properties),
            ("POST", "/crm/v3/objects/{type}/search", self._search),
            ("GET", "/crm/v3/objects/{type}", self._list),
            ("POST", "/crm/v3/objects/{type}", self._create),
            ("GET", one, self._get),
            ("PATCH", one, self._update),
            ("GET", "/crm/v4/objects/{type}/{id}/associations/{to}", self._associations),
            ("PUT", "/crm/v4/objects/{type}/{id}/associations/default/{to}/{to_id}", self._associate),
        ]
        for method, template, handler in routes:
            self.router.add(method, template, self._answering(handler))

    def serves(self, host: str) -> bool:
        return host == "api.hubapi.com"

    def authenticate(self, call: Call) -> None:
        self._token(call)

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        if allowed:
            return errors.refused(405, "METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed")
        return errors.refused(404, "NOT_FOUND", "Unable to find the requested endpoint")

    async def describe(self) -> Any:
        return self._crm.describe()

    def _token(self, call: Call) -> ProviderToken:
        token = self._tokens.live(call.bearer(), "hubspot")
        if token is None:
            known = self._tokens.find(call.bearer())
            raise errors.unauthorized(expired=known is not None and known.provider == "hubspot")
        return token

    def _answering(self, handler: Handler) -> Callable[[Call], Any]:
        async def answer(call: Call) -> web.Response:
            status, body = handler(call, self._token(call))
            return web.json_response(body, status=status)

        return answer

    def _kind(self, call: Call, token: ProviderToken, right: str) -> str:
        """The kind of records in the path, if the connection may do this with them."""
        kind = type_of(call.parameters["type"])
        _demand(token, *_scopes(kind, right))
        return kind

    def _owners(self, call: Call, token: ProviderToken) -> tuple[int, Any]:
        _demand(token, "crm.objects.owners.read")
        email = call.query("email")
        owners = [each for each in self._crm.owners if not email or each["email"] == email]
        return 200, _page(call, owners, 500)

    def _properties(self, call: Call, token: ProviderToken) -> tuple[int, Any]:
        kind = type_of(call.parameters["type"])
        _demand(token, f"crm.schemas.{kind}.read", *_scopes(kind, "read"))
        return 200, {"results": [each.shape() for each in self._crm.schemas[kind].values()]}

    def _search(self, call: Call, token: ProviderToken) -> tuple[int, Any]:
        kind, body = self._kind(call, token, "read"), _body(call)
        size, start = _number(body.get("limit", 10), search.LARGEST_PAGE), _offset(body.get("after"))
        if start + size > search.WINDOW:
            raise errors.invalid(f"The maximum number of results is {search.WINDOW}; narrow the search")
        schema = self._crm.schemas[kind]
        found = search.found(list(self._crm.every(kind)), schema, body)
        shown = [each.shape(schema, list(body.get("properties") or ())) for each in found[start : start + size]]
        return 200, {"total": len(found), "results": shown, **_next(start + size, len(found))}

    def _list(self, call: Call, token: ProviderToken) -> tuple[int, Any]:
        kind = self._kind(call, token, "read")
        schema, asked = self._crm.schemas[kind], _names(call, "properties")
        return 200, _page(call, [each.shape(schema, asked) for each in self._crm.every(kind)], LARGEST_LIST)

    def _get(self, call: Call, token: ProviderToken) -> tuple[int, Any]:
        kind = self._kind(call, token, "read")
        record = self._crm.get(kind, call.parameters["id"], call.query("idProperty"))
        shape = record.shape(self._crm.schemas[kind], _names(call, "properties"))
        joined = {}
        for name in _names(call, "associations"):
            other = type_of(name)
            if record.joined.get(other):
                label = f"{one_of(kind)}_to_{one_of(other)}"
                joined[other] = {"results": [{"id": key, "type": label} for key in record.joined[other]]}
        return 200, {**shape, **({"associations": joined} if joined else {})}

    def _create(self, call: Call, token: ProviderToken) -> tuple[int, Any]:
        kind, body = self._kind(call, token, "write"), _body(call)
        joins = [self._join(kind, each) for each in body.get("associations") or ()]
        record = self._crm.create(kind, _values(body))
        for other, type_id in joins:
            self._crm.join(record, other, type_id)
        return 201, record.shape(self._crm.schemas[kind], list(record.properties))

    def _join(self, kind: str, association: Any) -> tuple[Record, int]:
        """The record to associate a new one with. The type tells its kind."""
        try:
            key, type_id = str(association["to"]["id"]), int(association["types"][0]["associationTypeId"])
        except (KeyError, IndexError, TypeError, ValueError):
            raise errors.invalid("Invalid input JSON: an association has to and types") from None
        for (one, other), known in IDS.items():
            if one == kind and known == type_id:
                return self._crm.get(other, key), type_id
        raise errors.invalid(f"No association type {type_id} exists for {kind}")

    def _update(self, call: Call, token: ProviderToken) -> tuple[int, Any]:
        kind = self._kind(call, token, "write")
        record = self._crm.get(kind, call.parameters["id"], call.query("idProperty"))
        values = _values(_body(call))
        self._crm.update(record, values)
        return 200, record.shape(self._crm.schemas[kind], list(values))

    def _associations(self, call: Call, token: ProviderToken) -> tuple[int, Any]:
        kind = self._kind(call, token, "read")
        other = type_of(call.parameters["to"])
        joined = self._crm.get(kind, call.parameters["id"]).joined.get(other, {})
        found = [
            {
                "id": key,
                "toObjectId": key,
                "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": None}],
            }
            for key, type_id in joined.items()
        ]
        answer = _page(call, found, 500)
        shown = [{name: value for name, value in each.items() if name != "id"} for each in answer["results"]]
        return 200, {**answer, "results": shown}

    def _associate(self, call: Call, token: ProviderToken) -> tuple[int, Any]:
        kind = self._kind(call, token, "write")
        other = type_of(call.parameters["to"])
        _demand(token, *_scopes(other, "write"))
        one, two = self._crm.get(kind, call.parameters["id"]), self._crm.get(other, call.parameters["to_id"])
        if (kind, other) not in IDS:
            raise errors.invalid(f"No default association exists between {kind} and {other}")
        self._crm.join(one, two, IDS[kind, other])
        spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": IDS[kind, other]}
        result = {"from": {"id": one.id}, "to": {"id": two.id}, "associationSpec": spec}
        now = self._crm.now()
        return 200, {"status": "COMPLETE", "results": [result], "startedAt": now, "completedAt": now}


def _scopes(kind: str, right: str) -> tuple[str, ...]:
    """Tickets have one scope for both; activities go with contacts."""
    if kind == "tickets":
        return ("tickets",)
    return (f"crm.objects.{'contacts' if kind in ACTIVITIES else kind}.{right}",)


def _demand(token: ProviderToken, *scopes: str) -> None:
    if not set(scopes) & set(token.scopes):
        raise errors.missing_scopes(scopes)


def _body(call: Call) -> dict[str, Any]:
    try:
        document = call.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise errors.invalid("Invalid input JSON on line 1, column 1: it is no object")
    return document


def _values(body: Mapping[str, Any]) -> dict[str, str]:
    values = body.get("properties")
    if not isinstance(values, dict):
        raise errors.invalid("Invalid input JSON: properties is missing")
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _names(call: Call, name: str) -> list[str]:
    """A list may be in one parameter with commas, or in several."""
    return [part for each in call.request.query.getall(name, []) for part in each.split(",") if part]


def _page(call: Call, items: list[dict[str, Any]], largest: int) -> dict[str, Any]:
    """Part of a list that is asked for in the query; the cursor is the id of the last one that was given."""
    size, after = _number(call.query("limit", "10" if largest == LARGEST_LIST else "100"), largest), call.query("after")
    places = [place for place, each in enumerate(items) if each["id"] == after]
    if after and not places:
        raise errors.invalid(f"Invalid cursor: {after}")
    start = places[0] + 1 if places else 0
    page = items[start : start + size]
    more = start + size < len(items)
    return {"results": page, **({"paging": {"next": {"after": page[-1]["id"], "link": ""}}} if more else {})}


def _next(end: int, total: int) -> dict[str, Any]:
    return {"paging": {"next": {"after": str(end)}}} if end < total else {}


def _number(value: Any, largest: int) -> int:
    if not str(value).isdigit() or not 0 <= int(value) <= largest:
        raise errors.invalid(f"The limit is 0 to {largest}, not {value}")
    return int(value)


def _offset(value: Any) -> int:
    if value is None:
        return 0
    if not str(value).isdigit():
        raise errors.invalid(f"Invalid after: {value}")
    return int(value)
