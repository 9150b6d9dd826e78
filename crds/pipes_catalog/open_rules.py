"""Rules for a tool whose requests the caller writes."""

from collections.abc import Iterator

from .definition import ToolAccess
from .file import CatalogTool
from .lines import Path
from .paths import path_problem
from .request_rules import is_ours
from .tunnels import HEADERS

ARGUMENTS = frozenset({"method", "path", "query", "headers", "body", "form"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


def open_rules(tool: CatalogTool) -> Iterator[tuple[Path, str]]:
    """Each rule that the tool breaks, with the place."""
    opened = tool.open
    if opened is None:
        return
    if tool.access is not ToolAccess.JUDGED or tool.judge is not None:
        yield ("access",), "an open tool is Judged, by method and path"
    if any((tool.lookup, tool.job, tool.paging, tool.details)):
        yield ("open",), "is sent by itself, without lookup, job, paging or details"
    properties = tool.input_schema.get("properties") or {}
    if not isinstance(properties, dict) or not properties.keys() <= ARGUMENTS or "path" not in properties:
        yield ("inputSchema", "properties"), f"must be of {', '.join(sorted(ARGUMENTS))}"
        return
    method = properties.get("method")
    if not isinstance(method, dict) or not set(method.get("enum") or [""]) <= METHODS:
        yield ("inputSchema", "properties", "method"), f"must have an enum of {', '.join(sorted(METHODS))}"
    if not {"method", "path"} <= set(tool.input_schema.get("required") or ()):
        yield ("inputSchema", "required"), "must hold method and path"
    for name in opened.headers:
        if is_ours(name) or name.lower() in HEADERS:
            yield ("open", "headers"), f"{name!r} is not a header that a caller may set"
    for prefix in opened.read_prefixes:
        if problem := path_problem(prefix):
            yield ("open", "readPrefixes"), f"{prefix!r:.80}: {problem}"
