"""Tool definitions as they come down the stream: taken only when they hash to what they are called."""

import logging
from typing import Any

from pipes_catalog.definition import DefinitionInvalid, ToolDefinition, from_wire

log = logging.getLogger(__name__)


def read_definition(digest: str, data: dict[str, Any]) -> ToolDefinition | None:
    """The definition, or None when it cannot be read or is not the one that was approved under that hash.

    Its tool is then unknown here and allows nothing; all others go on.
    """
    try:
        return from_wire(digest, data)
    except DefinitionInvalid as error:
        log.warning("a tool definition is left out: %.300s", error)
        return None
