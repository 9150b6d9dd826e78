"""`https://api.github.com`, as far as tools and clients go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import TokenBook

from . import errors, shapes
from .caller import Callers
from .contents import Contents
from .issues import Issues
from .model import seeded
from .pulls import Pulls
from .search import Search

_REPOSITORY = "/repos/{owner}/{repo}"


class GithubService(Service):
    name = "github"
    prefixes = ("/repos/", "/search/", "/user")

    def __init__(self, tokens: TokenBook, environment: Environment, data: Mapping[str, Any]) -> None:
        super().__init__()
        self._hub = seeded(data)
        self._callers = callers = Callers(tokens, environment, self._hub)
        issues, pulls = Issues(self._hub, callers), Pulls(self._hub, callers)
        contents, search = Contents(callers), Search(self._hub, callers)
        for method, path, handler in (
            ("GET", "/user", self._user),
            ("GET", "/search/issues", search.issues),
            ("GET", "/search/repositories", search.repositories),
            ("GET", "/search/code", search.code),
            ("GET", _REPOSITORY, self._repository),
            ("GET", f"{_REPOSITORY}/issues", issues.list),
            ("POST", f"{_REPOSITORY}/issues", issues.create),
            ("GET", _REPOSITORY + "/issues/{number}", issues.get),
            ("PATCH", _REPOSITORY + "/issues/{number}", issues.update),
            ("GET", _REPOSITORY + "/issues/{number}/comments", issues.comments),
            ("POST", _REPOSITORY + "/issues/{number}/comments", issues.comment),
            ("GET", f"{_REPOSITORY}/pulls", pulls.list),
            ("POST", f"{_REPOSITORY}/pulls", pulls.create),
            ("GET", _REPOSITORY + "/pulls/{number}", pulls.get),
            ("GET", _REPOSITORY + "/pulls/{number}/files", pulls.files),
            ("GET", f"{_REPOSITORY}/contents", contents.get),
            ("GET", _REPOSITORY + "/contents/{path*}", contents.get),
            ("PUT", _REPOSITORY + "/contents/{path*}", contents.put),
        ):
            self.router.add(method, path, handler)

    def serves(self, host: str) -> bool:
        return host == "api.github.com"

    def authenticate(self, call: Call) -> None:
        if not call.header("User-Agent"):
            raise errors.refused(403, "Request forbidden by administrative rules. A User-Agent header is required.")
        self._callers.of(call)

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        return errors.not_found()

    async def handle(self, call: Call) -> web.StreamResponse:
        response = await super().handle(call)
        response.headers.setdefault("X-GitHub-Media-Type", "github.v3; format=json")
        return response

    async def describe(self) -> Any:
        repositories = self._hub.repositories.values()
        return {"repositories": len(repositories), "issues": sum(len(each.issues) for each in repositories)}

    async def _user(self, call: Call) -> web.Response:
        caller = self._callers.of(call)
        shape = {**shapes.person(self._hub, caller.person.login), "name": caller.person.name}
        return web.json_response(shape, headers=caller.headers())

    async def _repository(self, call: Call) -> web.Response:
        caller, where = self._callers.repository(call)
        push = where.members.get(caller.person.login) == "write"
        shape = {**shapes.repository(self._hub, where), "permissions": {"pull": True, "push": push, "admin": False}}
        return web.json_response(shape, headers=caller.headers())
