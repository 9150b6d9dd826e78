"""Tools of a provider's own MCP server: what its `tools/list` says becomes tool definitions.

Everything here comes from outside. Names are made to fit, texts are cleaned and bounded, a tool that
cannot be offered is left out with a sentence while the others stay, and only the binding says what reads.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jsonschema_rs

from pipes_api import canonical
from pipes_api.resources import Access, HostedServer

from .definition import ToolAccess, ToolDefinition
from .input_rules import compile_schema
from .loader import LONGEST_NAME
from .mirroring import MirroringInvalid, mirrored
from .remote import AddressInvalid, Remote, address

MOST_TOOLS = 256
LARGEST_TOOL = 64 * 1024
"""Bytes of one tool's canonical JSON."""
LARGEST_LIST = 512 * 1024
"""Bytes of all tools that are taken in, so that what is known of a server can be kept and sent on."""
LONGEST_UPSTREAM_NAME = 128
"""The specification's own bound (server/tools, tool names)."""
LONGEST_DESCRIPTION = 4_000
LONGEST_TITLE = 200
DEEPEST = 32
ROOM = 40
"""Characters of a tool's name beside the binding's, as in catalogs."""

_COMBINATORS = ("anyOf", "oneOf", "allOf", "not", "if", "$ref", "$dynamicRef")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
"""Written in many languages, and in emoji; harmless in a schema."""
_SUFFIX = 5


class Hosted(NamedTuple):
    """`definitions` in the order of their names; `problems` are sentences about tools that were left out."""

    definitions: tuple[ToolDefinition, ...]
    problems: tuple[str, ...]


class _LeftOut(ValueError):  # noqa: N818 - reads as what happened
    """Why one tool is not offered."""


def pin(tool: Mapping[str, Any]) -> str:
    """Digest of one whole tool of `tools/list`: any change of meaning is another, the order of members is not.

    Raises:
        ValueError: it has no canonical form (RFC 8785).
    """
    return canonical.digest(tool)


def definitions(tools: Sequence[Mapping[str, Any]], server: HostedServer, title: str, *, binding: str = "") -> Hosted:
    """Definitions of what a hosted server lists. The same tools, in any order, give the same definitions.

    Args:
        tools: the tools as `tools/list` gave them, members that nobody knows included.
        server: the binding's `spec.tools.mcp`; what its `access` does not name, by either name, writes.
        title: the provider's, for sentences.
        binding: the binding's name, for which the advertised names must leave room.

    Raises:
        AddressInvalid: the server's URL is not one that a credential may be sent to.
    """
    address(server.url)
    problems: list[str] = []
    known: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, pinned, tool in _readable(tools, problems):
        known[name] = pinned, tool
    made: list[ToolDefinition] = []
    for name, local in _local_names(known, _room(binding), problems):
        pinned, tool = known[name]
        try:
            made.append(_definition(name, local, pinned, tool, server, title))
        except _LeftOut as reason:
            problems.append(f"the tool {_shown(name)} is left out: {reason}")
    named = {each.name for each in made} | set(known)
    for unknown in sorted(set(server.access) - named):
        problems.append(f"access names {_shown(unknown)}, which the server does not list")
    return Hosted(tuple(sorted(made, key=lambda each: each.name)), tuple(problems))


def _readable(tools: Sequence[Mapping[str, Any]], problems: list[str]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Name, pin and tool of each that can be told apart and held to a pin, within the bounds."""
    names = Counter(name for tool in tools if isinstance(name := _member(tool, "name"), str))
    room = LARGEST_LIST
    for place, tool in enumerate(sorted(tools, key=lambda each: str(_member(each, "name")))):
        name = _member(tool, "name")
        try:
            if not isinstance(name, str) or not _is_upstream_name(name):
                raise _LeftOut(f"its name must be 1 to {LONGEST_UPSTREAM_NAME} characters that can be seen")
            if names[name] > 1:
                raise _LeftOut("the server lists several tools of this name")
            size = len(_canonical(tool))
            if size > LARGEST_TOOL:
                raise _LeftOut(f"it has more than {LARGEST_TOOL // 1024} KiB")
            if place >= MOST_TOOLS or size > room:
                raise _LeftOut("the server lists more than can be taken in")
            room -= size
        except _LeftOut as reason:
            problem = f"the tool {_shown(name)} is left out: {reason}"
            if problem not in problems:
                problems.append(problem)
        else:
            yield name, pin(tool), tool


def _member(tool: Any, name: str) -> Any:
    return tool.get(name) if isinstance(tool, Mapping) else None


def _canonical(tool: Mapping[str, Any]) -> bytes:
    try:
        return canonical.dumps(tool)
    except (ValueError, RecursionError):
        raise _LeftOut("it has values that have no canonical form, such as an integer beyond 2^53") from None


def _is_upstream_name(name: str) -> bool:
    return 0 < len(name) <= LONGEST_UPSTREAM_NAME and not any(unicodedata.category(each) in _HIDDEN for each in name)


def _room(binding: str) -> int:
    return min(ROOM, LONGEST_NAME - len(binding) - 1) if binding else ROOM


def _local_names(names: Mapping[str, Any], room: int, problems: list[str]) -> Iterator[tuple[str, str]]:
    """Each upstream name with its local one. Whose name fits as it is keeps it, whatever else is listed."""
    if room < _SUFFIX + 2:
        problems.append("the binding's name leaves no room for the names of tools; give it a shorter one")
        return
    fitted = {name: fitting(name, room) for name in names}
    crowd = Counter(fitted.values())
    local = {
        name: fit if name == fit or crowd[fit] == 1 else _told_apart(name, fit, room) for name, fit in fitted.items()
    }
    taken = Counter(local.values())
    for name, mine in local.items():
        if taken[mine] == 1 or name == mine:
            yield name, mine
        else:
            problems.append(f"the tool {_shown(name)} is left out: the server lists another that is called {mine}")


def fitting(name: str, room: int = ROOM) -> str:
    """The name in `[a-z0-9_]`, `searchIssues` as `search_issues`; cut ones end in a digest of the whole."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    fit = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
    if not fit:
        return _told_apart(name, "tool", room)
    if "__" in name and re.fullmatch(r"[a-z0-9_]+", name):
        fit = name
    return fit if len(fit) <= room else _told_apart(name, fit, room)


def _told_apart(name: str, fit: str, room: int) -> str:
    return f"{fit[: room - _SUFFIX - 1].rstrip('_')}_{canonical.digest(name)[:_SUFFIX]}"


def _definition(
    name: str, local: str, pinned: str, tool: Mapping[str, Any], server: HostedServer, title: str
) -> ToolDefinition:
    schema = _schema(tool.get("inputSchema"))
    annotations = tool.get("annotations")
    called = tool.get("title") or (annotations.get("title") if isinstance(annotations, Mapping) else None)
    access = server.access.get(name, server.access.get(local, Access.WRITE))
    return ToolDefinition(
        name=local,
        title=_line(called, LONGEST_TITLE) or _line(name, LONGEST_TITLE),
        description=_text(tool.get("description"), LONGEST_DESCRIPTION) or f"A tool of {title}'s own MCP server.",
        # What the server says of itself (readOnlyHint) is a hint of a party that is not trusted.
        access=ToolAccess.READ if access is Access.READ else ToolAccess.WRITE,
        input_schema=schema,
        remote=Remote(title=title, url=server.url, tool=name, pin=pinned),
    )


def _schema(schema: Any) -> dict[str, Any]:
    """The schema as it is, held to what MCP clients are known to take: one odd schema must not hide every tool."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise _LeftOut("its inputSchema is not of type object")
    for keyword in _COMBINATORS:
        if keyword in schema:
            raise _LeftOut(f"its inputSchema has {keyword} at the top, for which clients drop the tool")
    if not isinstance(schema.get("properties", {}), dict):
        raise _LeftOut("the properties of its inputSchema are not an object")
    _look_into(schema, 0)
    try:
        mirrored(schema)
        compile_schema(schema)
    except MirroringInvalid as error:
        raise _LeftOut(f"its inputSchema cannot be used: {error}") from None
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise _LeftOut(f"its inputSchema cannot be used: {_line(str(error).splitlines()[0], 200)}") from None
    return {"properties": {}, **schema}


def _look_into(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise _LeftOut(f"its inputSchema is nested more than {DEEPEST} levels deep")
    if isinstance(value, str):
        if any(_is_hidden(each) for each in value):
            raise _LeftOut("its inputSchema has characters that cannot be seen")
    elif isinstance(value, dict):
        for keyword in ("$ref", "$dynamicRef"):
            reference = value.get(keyword)
            if isinstance(reference, str) and not reference.startswith("#"):
                raise _LeftOut(f"its inputSchema has a {keyword} to elsewhere, which is never fetched")
        for name, each in value.items():
            _look_into(name, depth)
            _look_into(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            _look_into(each, depth + 1)


def _is_hidden(character: str) -> bool:
    return character not in "\n\r\t" and character not in _JOINERS and unicodedata.category(character) in _HIDDEN


def _text(value: Any, longest: int) -> str:
    """Text of several lines without characters that cannot be seen."""
    if not isinstance(value, str):
        return ""
    value = value.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    text = "".join("" if each != "\n" and unicodedata.category(each) in _HIDDEN else each for each in value).strip()
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _line(value: Any, longest: int) -> str:
    return _text(" ".join(value.split()) if isinstance(value, str) else value, longest)


def _shown(name: Any) -> str:
    return f'"{_line(name, 80)}"' if isinstance(name, str) and _line(name, 80) else "without a name"


__all__ = ["AddressInvalid", "Hosted", "Remote", "definitions", "fitting", "pin"]
