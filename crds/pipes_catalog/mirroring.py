"""Arguments of a hosted server's tool that are repeated in HTTP headers: `x-mcp-header`.

MCP 2026-07-28, basic/transports/streamable-http, Custom Headers: a client that cannot follow an annotation
must not use the tool, and a server refuses a call without the headers.
"""

import re
from typing import Any

KEY = "x-mcp-header"

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}\Z")
_SCALARS = ("string", "integer", "boolean")

Place = tuple[str, ...]


class MirroringInvalid(ValueError):  # noqa: N818 - reads as what happened
    """An annotation that no client may follow."""


def mirrored(schema: dict[str, Any]) -> dict[Place, str]:
    """Header name (after `Mcp-Param-`) by the place of the argument: `{("filter", "region"): "Region"}`.

    Raises:
        MirroringInvalid: not on a scalar property that is reached by `properties` alone, no header name, or one twice.
    """
    found: dict[Place, str] = {}
    _walk(schema, (), found)
    if len({each.lower() for each in found.values()}) != len(found):
        raise MirroringInvalid(f"two properties have the same {KEY}")
    return found


def _walk(node: Any, place: Place | None, found: dict[Place, str]) -> None:
    """`place` is None below anything but `properties`, where an annotation cannot be followed."""
    if isinstance(node, list):
        for each in node:
            _walk(each, None, found)
        return
    if not isinstance(node, dict):
        return
    if KEY in node:
        header = node[KEY]
        if not place or node.get("type") not in _SCALARS:
            raise MirroringInvalid(f"{KEY} is only for string, integer and boolean properties")
        if not isinstance(header, str) or not _TOKEN.match(header):
            raise MirroringInvalid(f"{KEY} is not the name of a header")
        found[place] = header
    for keyword, value in node.items():
        if keyword == "properties" and isinstance(value, dict):
            for name, each in value.items():
                _walk(each, (*place, name) if place is not None else None, found)
        else:
            _walk(value, None, found)
