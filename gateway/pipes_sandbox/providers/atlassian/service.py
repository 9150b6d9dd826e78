"""`https://api.atlassian.com`: which sites a connection has, and Jira's REST API of a site."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import TokenBook

from . import errors, shapes
from .caller import Caller, Callers, number_of
from .issues import Issues
from .site import seeded

Handler = Callable[[Call, Caller], Awaitable[web.StreamResponse]]

_API = "/ex/jira/{cloud}/rest/api/{version}"
WORK, USER, WRITE = "read:jira-work", "read:jira-user", "write:jira-work"


class AtlassianService(Service):
    name = "atlassian"
    prefixes = ("/ex/jira/", "/oauth/token/accessible-resources")

    def __init__(self, tokens: TokenBook, environment: Environment, data: Mapping[str, Any]) -> None:
        super().__init__()
        self._site = seeded(data)
        self._callers = Callers(tokens, environment, self._site)
        issues = Issues(self._site)
        self.router.add("GET", "/oauth/token/accessible-resources", self._sites)
        for method, path, scope, handler in (
            ("GET", "/serverInfo", WORK, self._server_info),
            ("GET", "/myself", USER, self._myself),
            ("GET", "/field", WORK, self._fields),
            ("GET", "/search/jql", WORK, issues.search),
            ("POST", "/search/jql", WORK, issues.search),
            ("POST", "/issue", WRITE, issues.create),
            ("GET", "/issue/{issue}", WORK, issues.get),
            ("PUT", "/issue/{issue}", WRITE, issues.update),
            ("GET", "/issue/{issue}/comment", WORK, issues.comments),
            ("POST", "/issue/{issue}/comment", WRITE, issues.comment),
            ("GET", "/issue/{issue}/transitions", WORK, issues.transitions),
            ("POST", "/issue/{issue}/transitions", WRITE, issues.transition),
            ("GET", "/project", WORK, self._projects),
            ("GET", "/project/search", WORK, self._project_page),
            ("GET", "/project/{project}", WORK, self._project),
            ("GET", "/user/search", USER, self._users),
            ("GET", "/user/assignable/search", USER, self._users),
        ):
            self.router.add(method, _API + path, self._on_site(scope, handler))

    def serves(self, host: str) -> bool:
        return host == "api.atlassian.com"

    def authenticate(self, call: Call) -> None:
        self._callers.of(call)

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        return errors.at_gateway(405 if allowed else 404, "Method Not Allowed" if allowed else "Not Found")

    async def describe(self) -> Any:
        projects = self._site.projects
        return {"projects": len(projects), "issues": sum(len(each.issues) for each in projects.values())}

    def _on_site(self, scope: str, handler: Handler) -> Callable[[Call], Awaitable[web.StreamResponse]]:
        async def answer(call: Call) -> web.StreamResponse:
            return await handler(call, self._callers.on_site(call, scope))

        return answer

    async def _sites(self, call: Call) -> web.Response:
        site, caller = self._site, self._callers.of(call)
        shape = {"id": site.cloud_id, "name": site.name, "url": site.url, "scopes": caller.token.scopes}
        return web.json_response([shape])

    async def _server_info(self, call: Call, caller: Caller) -> web.Response:
        shape = {"baseUrl": self._site.url, "version": "1001.0.0-SNAPSHOT", "versionNumbers": [1001, 0, 0]}
        return web.json_response({**shape, "deploymentType": "Cloud", "serverTitle": "Jira"})

    async def _myself(self, call: Call, caller: Caller) -> web.Response:
        return web.json_response(shapes.account(caller.person, caller))

    async def _fields(self, call: Call, caller: Caller) -> web.Response:
        names = (
            "summary",
            "description",
            "status",
            "issuetype",
            "priority",
            "assignee",
            "reporter",
            "labels",
            "parent",
        )
        return web.json_response([{"id": each, "key": each, "name": each.title(), "custom": False} for each in names])

    async def _projects(self, call: Call, caller: Caller) -> web.Response:
        return web.json_response(
            [shapes.project(self._site, caller, each) for each in self._site.seen_by(caller.person)]
        )

    async def _project_page(self, call: Call, caller: Caller) -> web.Response:
        words = call.query("query").lower()
        seen = [each for each in self._site.seen_by(caller.person) if words in f"{each.key} {each.name}".lower()]
        start, size = number_of(call, "startAt", 0), number_of(call, "maxResults", 50)
        page = [shapes.project(self._site, caller, each) for each in seen[start : start + size]]
        last = start + size >= len(seen)
        shape = {"startAt": start, "maxResults": size, "total": len(seen), "isLast": last, "values": page}
        return web.json_response(shape)

    async def _project(self, call: Call, caller: Caller) -> web.Response:
        key = call.parameters["project"]
        for each in self._site.seen_by(caller.person):
            if key in (each.key, each.id):
                return web.json_response(shapes.project(self._site, caller, each, whole=True))
        raise errors.no_project(key)

    async def _users(self, call: Call, caller: Caller) -> web.Response:
        """Of a project, if one is named: those who may be assigned its issues."""
        words, key = call.query("query").lower(), call.query("project")
        seen = {each.key: each for each in self._site.seen_by(caller.person)}
        if key and key not in seen:
            raise errors.no_project(key)
        found = [
            each
            for each in self._site.people.values()
            if each.active
            and words in f"{each.name} {each.email}".lower()
            and (not key or not seen[key].private or each.account_id in seen[key].members)
        ]
        start, size = number_of(call, "startAt", 0), number_of(call, "maxResults", 50)
        return web.json_response([shapes.account(each, caller) for each in found[start : start + size]])
