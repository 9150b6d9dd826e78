"""GitHub's search: words and qualifiers such as `repo:acme/website is:open label:"good first issue"`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from pipes_sandbox.call import Call

from . import errors, shapes
from .caller import Caller, Callers
from .model import Hub, Issue, Repository
from .paging import page

MOST_RESULTS = 1_000
LONGEST_QUERY = 256
_TERM = re.compile(r'(-)?(?:([a-z]+):)?(?:"([^"]*)"|(\S+))')


@dataclass(frozen=True, slots=True)
class Term:
    """A word (`name` empty) or a qualifier; `negative` when it must not hold."""

    name: str
    value: str
    negative: bool


def parsed(query: str) -> list[Term]:
    return [
        Term(name.lower(), (quoted or plain).lower(), bool(minus))
        for minus, name, quoted, plain in _TERM.findall(query.strip())
    ]


class Search:
    def __init__(self, hub: Hub, callers: Callers) -> None:
        self._hub = hub
        self._callers = callers

    async def issues(self, call: Call) -> web.Response:
        caller, terms = self._begin(call)
        if not any(each.name in ("is", "type") and each.value in _KINDS for each in terms):
            raise _refused("Query must include 'is:issue' or 'is:pull-request'")
        found = [
            (where, issue)
            for where in self._visible(caller, terms)
            for issue in where.issues.values()
            if all(_issue_holds(each, issue) != each.negative for each in terms if each.name not in _PLACES)
        ]
        descending = call.query("order", "desc") == "desc"
        found.sort(key=_ISSUE_ORDER.get(call.query("sort"), _ISSUE_ORDER["updated"]), reverse=descending)
        return self._answer(call, found, lambda each: {**shapes.issue(self._hub, *each), "score": 1.0})

    async def repositories(self, call: Call) -> web.Response:
        caller, terms = self._begin(call)
        found = [
            each
            for each in self._visible(caller, terms)
            if all(_repository_holds(term, each) != term.negative for term in terms if term.name not in _PLACES)
        ]
        found.sort(key=lambda each: each.stars, reverse=True)
        return self._answer(call, found, lambda each: {**shapes.repository(self._hub, each), "score": 1.0})

    async def code(self, call: Call) -> web.Response:
        """Only default branches are searched, as at GitHub."""
        caller, terms = self._begin(call)
        if not any(not each.name for each in terms):
            raise _refused("ERROR_TYPE_QUERY_PARSING_FATAL unable to parse query!")
        found = [
            (where, path)
            for where in self._visible(caller, terms)
            for path, content in where.branches[where.default_branch].files.items()
            if all(
                _code_holds(each, where, path, content) != each.negative for each in terms if each.name not in _PLACES
            )
        ]
        return self._answer(call, found, lambda each: self._code_shape(*each))

    def _begin(self, call: Call) -> tuple[Caller, list[Term]]:
        caller = self._callers.of(call)
        query = call.query("q")
        if not query.strip():
            raise errors.invalid("Search", "q", "missing")
        if len(query) > LONGEST_QUERY:
            raise _refused("The search is longer than 256 characters.")
        return caller, parsed(query)

    def _visible(self, caller: Caller, terms: list[Term]) -> list[Repository]:
        """Repositories that the caller sees, of those named if any are.

        Raises RefusalError when one is named that the caller does not see.
        """
        seen = [each for each in self._hub.repositories.values() if caller.sees(each)]
        named = [each.value for each in terms if each.name == "repo" and not each.negative]
        owners = [each.value for each in terms if each.name in ("org", "user") and not each.negative]
        if named and not any(each.full_name.lower() in named for each in seen):
            raise _refused(
                "The listed users and repositories cannot be searched either because the resources do not exist or "
                "you do not have permission to view them."
            )
        return [
            each
            for each in seen
            if (not named or each.full_name.lower() in named) and (not owners or each.owner.lower() in owners)
        ]

    def _answer(self, call: Call, found: Sequence[Any], shape: Callable[[Any], dict[str, Any]]) -> web.Response:
        items, headers = page(call, found[:MOST_RESULTS])
        if not items and len(found) > MOST_RESULTS:
            raise errors.refused(422, "Only the first 1000 search results are available")
        body = {"total_count": len(found), "incomplete_results": False, "items": [shape(each) for each in items]}
        return web.json_response(body, headers=headers)

    def _code_shape(self, where: Repository, path: str) -> dict[str, Any]:
        return {
            "name": path.rpartition("/")[2],
            "path": path,
            "sha": where.branches[where.default_branch].head,
            "html_url": f"{shapes.WEB}/{where.full_name}/blob/{where.default_branch}/{path}",
            "repository": shapes.repository(self._hub, where),
            "score": 1.0,
        }


_KINDS = frozenset({"issue", "pr", "pull-request"})
_PLACES = frozenset({"repo", "org", "user"})
"""Qualifiers that `_visible` has dealt with."""

_ISSUE_ORDER: dict[str, Callable[[tuple[Repository, Issue]], Any]] = {
    "updated": lambda each: each[1].updated_at,
    "created": lambda each: each[1].created_at,
    "comments": lambda each: len(each[1].comments),
}


def _issue_holds(term: Term, issue: Issue) -> bool:
    match term.name, term.value:
        case "", word:
            return word in f"{issue.title}\n{issue.body or ''}".lower()
        case "is" | "type", "issue":
            return not issue.head
        case "is" | "type", "pr" | "pull-request":
            return bool(issue.head)
        case "is" | "state", "open" | "closed" as state:
            return issue.state == state
        case "author", login:
            return issue.author.lower() == login
        case "assignee", login:
            return login in (each.lower() for each in issue.assignees)
        case "label", label:
            return label in (each.lower() for each in issue.labels)
        case "no", "assignee":
            return not issue.assignees
        case "in", _:
            return True
    raise _refused(f"The qualifier {term.name}:{term.value} is not one the sandbox knows.")


def _repository_holds(term: Term, each: Repository) -> bool:
    match term.name, term.value:
        case "", word:
            return word in f"{each.name}\n{each.description}".lower()
        case "language", language:
            return each.language.lower() == language
        case "is", "public" | "private" as visibility:
            return each.private == (visibility == "private")
        case "in", _:
            return True
    raise _refused(f"The qualifier {term.name}:{term.value} is not one the sandbox knows.")


def _code_holds(term: Term, where: Repository, path: str, content: bytes) -> bool:
    match term.name, term.value:
        case "", word:
            return word in content.decode("utf-8", "replace").lower() or word in path.lower()
        case "path", folder:
            return folder in path.lower()
        case "filename", name:
            return path.lower().rpartition("/")[2] == name
        case "extension", ending:
            return path.lower().endswith(f".{ending}")
        case "language", language:
            return where.language.lower() == language
        case "in", _:
            return True
    raise _refused(f"The qualifier {term.name}:{term.value} is not one the sandbox knows.")


def _refused(message: str) -> Exception:
    return errors.invalid("Search", "q", "invalid", message)
