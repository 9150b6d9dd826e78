"""Every request that a tool can send, read off its definition. Rules check it; tests hold it against a provider.

A request of a further page is the first one with the paging's query and body
merged in, or the paging's own; a job sends polls and cancels; each case has its
own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .definition import ToolDefinition
from .exchange import Body, Case, Exchange, Graphql, Job, Paging, Request
from .file import CatalogTool
from .lines import Path
from .references import operator_of

Template = Any
"""JSON in which text may hold references; see `references.py`."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request, where its definition has it (`("cases", 1, "request")`), and which spaces of names it knows."""

    place: Path
    request: Request
    spaces: frozenset[str]

    @property
    def query(self) -> dict[str, Template]:
        """Query parameters by name, those of a repetition included."""
        return {**self.request.query, **self.request.repeat_query}

    @property
    def body_members(self) -> tuple[tuple[str, Template], ...]:
        """Members of the body, `filterGroups[].filters[].value`, with the template of each. See `members`."""
        body = self.request.body
        if body is None:
            return ()
        if body.related:
            return tuple(each for parts in body.related for part in parts for each in members(part.json))
        if isinstance(body.graphql, Graphql):
            return (("query", {"$literal": body.graphql.document}), *members(body.graphql.variables, "variables"))
        return tuple(members(body.form if isinstance(body.form, dict) else body.json))


def requests(tool: ToolDefinition | CatalogTool | Exchange) -> Iterator[Sent]:
    """Everything a tool can send, in the order in which it would be sent."""
    exchange = tool.exchange if isinstance(tool, ToolDefinition) else tool
    if exchange is None:
        return
    spaces = frozenset({"endpoint", "call"})
    if exchange.lookup is not None:
        yield Sent(("lookup",), exchange.lookup, spaces)
        spaces |= {"lookup"}
    if exchange.request is not None:
        yield from _paged(("request",), ("paging",), exchange.request, exchange.paging, exchange.job, spaces)
    for index, case in enumerate(exchange.cases):
        yield from _case(("cases", index), case, exchange.paging, exchange.job, spaces)
    if exchange.details is not None:
        yield Sent(("details",), exchange.details, spaces | {"item"})
    if exchange.job is not None:
        yield Sent(("job", "poll"), exchange.job.poll, spaces | {"job"})
        if exchange.job.cancel is not None:
            yield Sent(("job", "cancel"), exchange.job.cancel, spaces | {"job"})


def _case(place: Path, case: Case, paging: Paging | None, job: Job | None, spaces: frozenset[str]) -> Iterator[Sent]:
    if case.request is not None:
        paging_place: Path = (*place, "paging") if case.paging is not None else ("paging",)
        yield from _paged((*place, "request"), paging_place, case.request, case.paging or paging, job, spaces)


def _paged(
    place: Path,
    paging_place: Path,
    request: Request,
    paging: Paging | None,
    job: Job | None,
    spaces: frozenset[str],
) -> Iterator[Sent]:
    yield Sent(place, request, spaces)
    if paging is None:
        return
    spaces |= {"page"} if job is None else {"page", "job"}
    if paging.request is not None:
        yield Sent((*paging_place, "request"), paging.request, spaces)
    else:
        yield Sent(paging_place, merged(request, paging), spaces)


def merged(request: Request, paging: Paging) -> Request:
    """The request of a further page, as templates."""
    body = _merged_body(request.body, paging.body) if request.body is not None and paging.body else request.body
    return msgspec.structs.replace(request, query={**request.query, **paging.query}, body=body)


def _merged_body(body: Body, more: dict[str, Any]) -> Body:
    if isinstance(body.form, dict):
        return Body(form={**body.form, **more})
    if isinstance(body.graphql, Graphql):
        variables = deep(body.graphql.variables, more.get("variables") or {})
        return Body(graphql=msgspec.structs.replace(body.graphql, variables=variables))
    return Body(json=deep(body.json, more)) if isinstance(body.json, Mapping) else body


def deep(base: Any, more: Any) -> Any:
    """`more` laid over `base`, member by member at every level; anything else of `more` replaces what was there."""
    if not isinstance(base, Mapping) or not isinstance(more, Mapping):
        return more
    return {**base, **{name: deep(base[name], each) if name in base else each for name, each in more.items()}}


def members(template: Template, path: str = "") -> Iterator[tuple[str, Template]]:
    """The leaves of a JSON template: dotted path, with `[]` for the entries of a list, and what is put there.

    Every alternative of `$cases` is gone through, and the entry of `$each`; other operators are leaves. A leaf
    `{argument}` may itself stand for an object: its members are in the tool's input schema.
    """
    if isinstance(template, Mapping) and "$cases" in template:
        for case in template["$cases"]:
            yield from members(case.get("value", msgspec.UNSET), path)
    elif isinstance(template, Mapping) and "$each" in template:
        yield from members(template.get("$value"), f"{path}[]")
    elif isinstance(template, Mapping) and template and not operator_of(template):
        for name, each in template.items():
            yield from members(each, f"{path}.{name}" if path else name)
    elif isinstance(template, list | tuple) and template:
        for each in template:
            yield from members(each, f"{path}[]")
    elif template is not msgspec.UNSET:
        yield path, template
