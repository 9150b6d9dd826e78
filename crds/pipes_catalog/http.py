"""The catalog `http`, with which any provider can be called: what a binding adds to its tool."""

from collections.abc import Iterable

import msgspec

from .definition import ToolDefinition
from .loader import CatalogError
from .paths import path_problem


def with_prefixes(definition: ToolDefinition, prefixes: Iterable[str]) -> ToolDefinition:
    """The definition with the path prefixes under which a `GET` only reads; any other is as it was.

    Raises:
        CatalogError: a prefix is not a path that every server reads alike.
    """
    exchange = definition.exchange
    if exchange is None or exchange.open is None:
        return definition
    chosen = tuple(dict.fromkeys(prefixes))
    for index, prefix in enumerate(chosen):
        if problem := path_problem(prefix):
            raise CatalogError(f"spec.tools.http.readPrefixes[{index}]: {prefix!r:.80}: {problem}")
    opened = msgspec.structs.replace(exchange.open, read_prefixes=chosen)
    return msgspec.structs.replace(definition, exchange=msgspec.structs.replace(exchange, open=opened))
