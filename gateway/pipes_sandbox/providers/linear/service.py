"""`https://api.linear.app/graphql`: documents are held to the schema and executed by graphql-core."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from aiohttp import web
from graphql import (
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute_sync,
    get_named_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
    is_scalar_type,
    parse,
    validate,
)

from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import ProviderToken, TokenBook

from . import errors
from .reading import connection, query
from .workspace import Record, View, seeded
from .writing import SCOPES, mutate

_NOTHING = {"String": "", "ID": "", "Int": 0, "Float": 0.0, "Boolean": False, "JSONObject": {}}


class LinearService(Service):
    name = "linear"
    prefixes = ("/graphql",)

    def __init__(self, tokens: TokenBook, environment: Environment, data: Mapping[str, Any]) -> None:
        super().__init__()
        self._tokens = tokens
        self._environment = environment
        self._workspace = seeded(data)
        self._schema = _schema()
        self.router.add("POST", "/graphql", self._graphql)

    def serves(self, host: str) -> bool:
        return host == "api.linear.app"

    def authenticate(self, call: Call) -> None:
        self._caller(call)

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        return RefusalError(405 if allowed else 404, {"message": f"There is no {call.method} {call.path}."})

    async def describe(self) -> Any:
        return {"teams": len(self._workspace.all("Team")), "issues": len(self._workspace.all("Issue"))}

    def _caller(self, call: Call) -> tuple[ProviderToken, Record]:
        # A personal API key comes bare, an OAuth token as bearer.
        presented = call.bearer() or call.header("Authorization").strip()
        token = self._tokens.live(presented, "linear")
        account = self._environment.accounts.get(token.account_id) if token is not None else None
        person = self._workspace.person_of(str(account.account_identifier)) if account is not None else None
        if token is None or person is None:
            raise errors.unauthenticated()
        return token, person

    async def _graphql(self, call: Call) -> web.Response:
        token, person = self._caller(call)
        try:
            body = call.json()
            text, variables, operation = body["query"], body.get("variables"), body.get("operationName")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise errors.bad_request("The request must be JSON with a query.", "BAD_USER_INPUT") from None
        try:
            document = parse(text)
        except (GraphQLError, TypeError) as error:
            raise errors.bad_request(str(error).partition("\n")[0], "GRAPHQL_PARSE_FAILED") from None
        if broken := validate(self._schema, document):
            raise errors.bad_request(broken[0].message, "GRAPHQL_VALIDATION_FAILED")
        result = execute_sync(
            self._schema,
            document,
            context_value=(View(self._workspace, person), frozenset(token.scopes)),
            variable_values=variables or {},
            operation_name=operation,
            field_resolver=_resolve,
        )
        if result.errors and result.data is None and not any(each.path for each in result.errors):
            raise errors.bad_request(result.errors[0].message, "BAD_USER_INPUT")
        return web.json_response(result.formatted)


@cache
def _schema() -> GraphQLSchema:
    return build_schema((files(__package__) / "schema.graphql").read_text(encoding="utf-8"))


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    view, scopes = info.context
    name, owner = info.field_name, info.parent_type.name
    if owner == "Query":
        _demand(("read",), scopes)
        return query(view, name, arguments)
    if owner == "Mutation":
        _demand(SCOPES[name], scopes)
        return mutate(view, name, arguments)
    value = view.value(source, name) if isinstance(source, Record) else source.get(name)
    if value is None and is_non_null_type(info.return_type):
        return _nothing(info.return_type)
    if isinstance(value, list) and get_named_type(info.return_type).name.endswith("Connection"):
        return connection(value, arguments)
    return value


def _nothing(kind: Any) -> Any:
    """What stands where there must be something, and the workspace keeps nothing of the sort."""
    if is_list_type(kind.of_type):
        return []
    if is_enum_type(kind.of_type):
        return next(iter(kind.of_type.values))
    return _NOTHING.get(kind.of_type.name, "") if is_scalar_type(kind.of_type) else {}


def _demand(needed: tuple[str, ...], scopes: frozenset[str]) -> None:
    if not {*needed, "admin"} & scopes:
        raise errors.scope_missing(needed)
