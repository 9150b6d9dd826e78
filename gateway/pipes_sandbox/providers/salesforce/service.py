"""Salesforce REST at `<my domain>.my.salesforce.com`."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.providers.salesforce import describe, errors, search
from pipes_sandbox.providers.salesforce.evaluate import Evaluator
from pipes_sandbox.providers.salesforce.org import Org, now
from pipes_sandbox.providers.salesforce.records import Records, members_of
from pipes_sandbox.providers.salesforce.results import Results
from pipes_sandbox.providers.salesforce.seeding import seed
from pipes_sandbox.providers.salesforce.soql import parse
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import ProviderToken, TokenBook

_VERSIONS = range(31, 69)
_HOSTS = (".my.salesforce.com", ".salesforce.com")
_LOCATORS_KEPT = 200
_CALLS_A_DAY = 100_000


@dataclass(frozen=True, slots=True)
class _Cursor:
    """A query's whole answer, kept for its further pages; for the one person who asked."""

    owner: str
    rows: list[dict[str, Any]]
    batch: int


class SalesforceService(Service):
    name = "salesforce"
    prefixes = ("/services/data", "/services/oauth2")

    def __init__(self, tokens: TokenBook, environment: Environment, seeds: Mapping[str, Any]) -> None:
        super().__init__()
        self._tokens = tokens
        self._environment = environment
        self._seeds = {host.lower(): options or {} for host, options in seeds.items()}
        self._orgs: dict[str, Org] = {}
        self._cursors: OrderedDict[str, _Cursor] = OrderedDict()
        records = Records(self)
        add, root = self.router.add, "/services/data/{version}"
        add("GET", "/services/data", self._versions)
        add("GET", "/services/data/", self._versions)
        add("GET", "/services/oauth2/userinfo", self._user_info)
        add("GET", f"{root}/", self._resources)
        add("GET", root, self._resources)
        add("GET", f"{root}/limits", self._limits)
        for name in ("query", "queryAll"):
            for ending in ("", "/"):
                add("GET", f"{root}/{name}{ending}", self._query)
            add("GET", f"{root}/{name}/{{locator}}", self._more)
        for ending in ("", "/"):
            add("GET", f"{root}/search{ending}", self._search)
            add("POST", f"{root}/parameterizedSearch{ending}", self._search_by_parameters)
        add("GET", f"{root}/sobjects", self._describe_all)
        add("GET", f"{root}/sobjects/", self._describe_all)
        add("GET", f"{root}/sobjects/{{object}}/describe", self._describe)
        add("GET", f"{root}/sobjects/{{object}}", self._basic)
        records.mount(self.router, root)

    def serves(self, host: str) -> bool:
        return host.endswith(_HOSTS)

    def authenticate(self, call: Call) -> None:
        self.token(call)

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        if allowed:
            message = f"HTTP Method '{call.method}' not allowed. Allowed are {', '.join(sorted(allowed))}"
            return errors.refused(405, "METHOD_NOT_ALLOWED", message)
        return errors.not_found("The requested resource does not exist")

    async def handle(self, call: Call) -> web.StreamResponse:
        response = await super().handle(call)
        host = self._host(call)
        used = self._orgs[host].calls if host in self._orgs else 0
        response.headers["Sforce-Limit-Info"] = f"api-usage={used}/{_CALLS_A_DAY}"
        return response

    async def describe(self) -> dict[str, Any]:
        return {
            host: {
                "records": {name: sum(1 for _ in org.live(org.sobject(name))) for name in org.records},
                "deleted": {
                    name: sum(record["IsDeleted"] for record in records.values())
                    for name, records in org.records.items()
                },
                "viewed": [
                    record["Id"]
                    for records in org.records.values()
                    for record in records.values()
                    if record["LastViewedDate"] or record["LastReferencedDate"]
                ],
            }
            for host in self._seeds
            for org in (self._org(host),)
        }

    def token(self, call: Call) -> ProviderToken:
        token = self._tokens.live(call.bearer(), self.name)
        if token is None or (call.host and token.tenant and call.host != token.tenant):
            raise errors.session_invalid()
        if not {"api", "full"} & set(token.scopes):
            message = "This session is not valid for use with the REST API"
            raise errors.refused(403, "INVALID_SESSION_ID", message)
        return token

    def _host(self, call: Call) -> str:
        if call.host:
            return call.host
        token = self._tokens.find(call.bearer())
        return (token.tenant if token else "") or next(iter(self._seeds), "")

    def _org(self, host: str) -> Org:
        """Filled on first use, since that takes a moment."""
        if host not in self._orgs:
            self._orgs[host] = seed(self._seeds[host])
        return self._orgs[host]

    def org(self, call: Call) -> Org:
        host = self._host(call)
        if host not in self._seeds:
            raise errors.session_invalid()
        org = self._org(host)
        org.calls += 1
        return org

    def user_id(self, call: Call, org: Org) -> str:
        """The org's user behind the token: the one with the account's e-mail address, else the first."""
        token = self.token(call)
        account = self._environment.accounts.get(token.account_id)
        email = account.account_identifier if account else None
        users = list(org.records["User"].values())
        return str(next((user for user in users if user["Email"] == email), users[0])["Id"])

    def base(self, call: Call) -> str:
        """The path of the API version asked for. Raises RefusalError 404 for one that does not exist."""
        found = re.fullmatch(r"v(\d\d)\.0", call.parameters["version"])
        if found is None or int(found[1]) not in _VERSIONS:
            raise errors.not_found()
        return f"/services/data/v{found[1]}.0"

    async def _versions(self, call: Call) -> web.Response:
        self.org(call)
        shapes = [
            {"label": f"API {number}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
            for number in _VERSIONS
        ]
        return web.json_response(shapes)

    async def _resources(self, call: Call) -> web.Response:
        base = self.base(call)
        self.org(call)
        return web.json_response({name: f"{base}/{name}" for name in ("limits", "query", "queryAll", "sobjects")})

    async def _limits(self, call: Call) -> web.Response:
        self.base(call)
        org = self.org(call)
        remaining = {"Max": _CALLS_A_DAY, "Remaining": _CALLS_A_DAY - org.calls}
        return web.json_response({"DailyApiRequests": remaining})

    async def _user_info(self, call: Call) -> web.Response:
        org = self.org(call)
        user = org.records["User"][self.user_id(call, org)]
        host = self._host(call)
        shape = {
            "sub": f"https://login.salesforce.com/id/{org.id}/{user['Id']}",
            "user_id": user["Id"],
            "organization_id": org.id,
            "preferred_username": user["Username"],
            "name": user["Name"],
            "email": user["Email"],
            "active": user["IsActive"],
            "urls": {"rest": f"https://{host}/services/data/v{{version}}/"},
        }
        return web.json_response(shape)

    async def _describe_all(self, call: Call) -> web.Response:
        base = self.base(call)
        self.org(call)
        return web.json_response(describe.everything(base))

    async def _describe(self, call: Call) -> web.Response:
        base = self.base(call)
        return web.json_response(describe.full(self.org(call).sobject(call.parameters["object"]), base))

    async def _basic(self, call: Call) -> web.Response:
        base = self.base(call)
        sobject = self.org(call).sobject(call.parameters["object"])
        return web.json_response({"objectDescribe": describe.brief(sobject, base), "recentItems": []})

    async def _search(self, call: Call) -> web.Response:
        return await self._found(call, search.of_sosl(call.query("q")))

    async def _search_by_parameters(self, call: Call) -> web.Response:
        return await self._found(call, search.of_json(members_of(call)))

    async def _found(self, call: Call, wanted: search.Search) -> web.Response:
        base, org = self.base(call), self.org(call)
        evaluator = Evaluator(org, deleted=False, today=now().date())
        rows = await asyncio.to_thread(search.run, wanted, org, evaluator, base)
        return web.json_response({"searchRecords": rows})

    async def _query(self, call: Call) -> web.Response:
        base, org = self.base(call), self.org(call)
        if "q" not in call.request.query:
            raise errors.malformed_query("SOQL statements must not be empty")
        query = parse(call.query("q"))
        deleted = call.path.rstrip("/").endswith("queryAll")
        evaluator = Evaluator(org, deleted=deleted, today=now().date())
        # Thousands of records are compared, so it stays off the event loop.
        rows = await asyncio.to_thread(Results(org, evaluator, base).rows, query)
        if query.counts_only and not query.group_by:
            return web.json_response({"totalSize": rows[0]["expr0"], "done": True, "records": []})
        if query.purpose:
            for record in evaluator.records(query):
                record["LastReferencedDate"] = now()
                if query.purpose == "VIEW":
                    record["LastViewedDate"] = now()
        cursor = _Cursor(self.token(call).account_id, rows, _batch(call))
        return self._page(base, cursor, None, 0, "queryAll" if deleted else "query")

    async def _more(self, call: Call) -> web.Response:
        base = self.base(call)
        self.org(call)
        name, _, offset = call.parameters["locator"].partition("-")
        cursor = self._cursors.get(name)
        if cursor is None or cursor.owner != self.token(call).account_id or not offset.isdigit():
            raise errors.refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(base, cursor, name, int(offset), call.path.split("/")[-2])

    def _page(self, base: str, cursor: _Cursor, name: str | None, start: int, resource: str) -> web.Response:
        end = start + cursor.batch
        answer: dict[str, Any] = {"totalSize": len(cursor.rows), "done": end >= len(cursor.rows)}
        if not answer["done"]:
            if name is None:
                name = "01g5g00000" + secrets.token_hex(6)
                self._cursors[name] = cursor
                while len(self._cursors) > _LOCATORS_KEPT:
                    self._cursors.popitem(last=False)
            answer["nextRecordsUrl"] = f"{base}/{resource}/{name}-{end}"
        answer["records"] = cursor.rows[start:end]
        return web.json_response(answer)


def _batch(call: Call) -> int:
    found = re.search(r"batchSize=(\d+)", call.header("Sforce-Query-Options"))
    return min(2000, max(200, int(found[1]))) if found else 2000
