"""A binding with its tools, hosts and ceilings, or the field that keeps it from being offered."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from pipes_api import canonical, restrictions
from pipes_api.resources import ProviderBinding
from pipes_catalog import NameTooLong, ToolDefinition, advertised
from pipes_catalog.references import all_references

from .facts import Offer

MOST_TOOLS = 64
LARGEST_RESTRICT = 64 * 1024
"""Bytes of all restrictions of a binding: they travel in every grant and view of it."""

_PROBLEMS_NAMED = 3
_T = TypeVar("_T")


class Unusable(ValueError):  # noqa: N818 - reads as what happened
    """The field of the binding that is wrong, and what to write."""


def offer(
    binding: ProviderBinding, catalog: str, tools: Iterable[ToolDefinition], hosts: Iterable[str], notes: Iterable[str]
) -> Offer:
    """The binding with those tools and hosts. Anything wrong with it becomes the offer's `problem`.

    notes: what whoever wrote the binding should know, beyond what is found here.
    """
    try:
        named = _advertised(binding.metadata.name, tools)
        _check_endpoint(binding.spec.endpoint or {}, catalog, named.values())
        restrict = _by_tool(binding.spec.restrict or {}, "spec.restrict", named)
        loose = tuple(_check_restrictions(binding.spec.restrict or {}, restrict, named))
        limits = _by_tool(binding.spec.limits.tools or {}, "spec.limits.tools", named)
    except Unusable as unusable:
        return Offer(binding, catalog, problem=str(unusable))
    return Offer(
        binding,
        catalog,
        tools=named,
        hosts=tuple(dict.fromkeys(hosts)),
        restrict={name: schema for name, (_, schema) in restrict.items()},
        limits={name: each for name, (_, each) in limits.items()},
        notes=(*notes, *loose),
    )


def _advertised(binding: str, tools: Iterable[ToolDefinition]) -> dict[str, ToolDefinition]:
    try:
        named = {advertised(binding, tool.name): tool for tool in tools}
    except NameTooLong as error:
        raise Unusable(str(error)) from None
    if not named:
        raise Unusable("spec.tools leaves no tool")
    if len(named) > MOST_TOOLS:
        raise Unusable(f"spec.tools: {len(named)} tools, and {MOST_TOOLS} are the most: choose with include or exclude")
    return named


def _check_endpoint(endpoint: Mapping[str, str], catalog: str, tools: Iterable[ToolDefinition]) -> None:
    """A misspelt name would leave the host to Pipes' own values unseen."""
    used: set[str] = set()
    for tool in tools:
        if tool.exchange is not None:
            sources = (source for each in tool.exchange.endpoint.values.values() for source in each.sources)
            written = (each.name for each in all_references(msgspec.to_builtins(tool.exchange)))
            used |= {name.removeprefix("endpoint.") for name in (*sources, *written) if name.startswith("endpoint.")}
    for name in endpoint:
        if name not in used:
            raise Unusable(f"spec.endpoint.{name}: the tools of {catalog} use no value of that name")


def _by_tool(given: Mapping[str, _T], field: str, tools: Mapping[str, ToolDefinition]) -> dict[str, tuple[str, _T]]:
    """Advertised name → (the name that was written, the value). Names are advertised ones or the catalog's."""
    by_catalog = {tool.name: name for name, tool in tools.items()}
    found: dict[str, tuple[str, _T]] = {}
    for written, value in given.items():
        name = written if written in tools else by_catalog.get(written)
        if name is None:
            raise Unusable(f"{field}.{written}: the binding offers no such tool; it offers {', '.join(sorted(tools))}")
        if name in found:
            raise Unusable(f"{field}.{written}: means the same tool as {found[name][0]}: keep one of the two")
        found[name] = (written, value)
    return found


def _check_restrictions(
    given: Mapping[str, Any], restrict: Mapping[str, tuple[str, dict[str, Any]]], tools: Mapping[str, ToolDefinition]
) -> Iterable[str]:
    """What a schema leaves open, as notes.

    Raises:
        Unusable: a schema that is none, or that could let something through unseen.
    """
    wrong: list[str] = []
    notes: list[str] = []
    for name, (written, schema) in restrict.items():
        takes = tools[name].input_schema
        for place, rule in restrictions.problems(schema, takes):
            wrong.append(f"{restrictions.dotted(('spec', 'restrict', written, *place))}: {rule}")
        if not wrong and (loose := restrictions.loose(schema, takes)):
            notes.append(
                f"spec.restrict.{written}: a call may leave out {', '.join(loose)} and so escape it; "
                "name it in required to prevent that."
            )
    if wrong:
        more = f"; and {len(wrong) - _PROBLEMS_NAMED} more" if len(wrong) > _PROBLEMS_NAMED else ""
        raise Unusable("; ".join(wrong[:_PROBLEMS_NAMED]) + more)
    size = len(canonical.dumps(msgspec.to_builtins(given)))
    if size > LARGEST_RESTRICT:
        raise Unusable(f"spec.restrict: has {size} bytes in all; at most {LARGEST_RESTRICT} are allowed")
    return notes
