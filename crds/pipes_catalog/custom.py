"""Tools that a binding brings itself, `spec.tools.custom`: in the catalog's schema, under the catalog's rules."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from .definition import ToolDefinition
from .file import CatalogTool, definition_of, schema
from .loader import Catalog, CatalogError
from .rules import tool_rules
from .schema_problems import first_problem

PLACE = "spec.tools.custom"
DEEPEST = 40
MOST = 64


def read(items: Sequence[Mapping[str, Any]], base: Catalog | None) -> tuple[ToolDefinition, ...]:
    """The definitions of a binding's own tools, at the provider of its catalog.

    Endpoint, credential, headers and the mapping of errors are the catalog's: a custom tool names no host.

    Raises:
        CatalogError: `spec.tools.custom[1].request.path: ` and the rule that is broken.
    """
    if not items:
        return ()
    if base is None:
        raise CatalogError(f"{PLACE}: needs a catalog that tells where the provider is; name it in spec.tools.catalog")
    if len(items) > MOST:
        raise CatalogError(f"{PLACE}: must be at most {MOST} tools")
    names = set(base.tools)
    definitions: list[ToolDefinition] = []
    for index, item in enumerate(items):
        tool = _tool(index, item)
        if tool.name in names:
            raise CatalogError(_line((index, "name"), f"there is a tool {tool.name!r} already"))
        names.add(tool.name)
        if tool.open is not None:
            raise CatalogError(_line((index, "open"), "is for the catalog http only"))
        for path, rule in tool_rules(tool, base.common.endpoint):
            raise CatalogError(_line((index, *path), rule))
        definitions.append(definition_of(tool, base.common))
    return tuple(definitions)


def _tool(index: int, item: Mapping[str, Any]) -> CatalogTool:
    if _too_deep(item, DEEPEST):
        raise CatalogError(_line((index,), f"is nested more than {DEEPEST} levels deep"))
    if (problem := first_problem(_validator(), item)) is not None:
        path, rule = problem
        raise CatalogError(_line((index, *path), rule))
    try:
        return msgspec.convert(item, CatalogTool)
    except msgspec.ValidationError as error:
        raise CatalogError(_line((index,), str(error))) from None


def _too_deep(value: Any, left: int) -> bool:
    if left == 0:
        return True
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(_too_deep(each, left - 1) for each in inner)


def _line(path: Sequence[str | int], rule: str) -> str:
    place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    return f"{PLACE}{place}: {' '.join(rule.split())}"


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema(CatalogTool), pattern_options=jsonschema_rs.RegexOptions())
