"""Tool definitions as they come down the stream: taken only when they hash to what they are called."""

import logging
from typing import Any

import msgspec

from pipes_catalog.definition import ToolDefinition

log = logging.getLogger(__name__)


def read_definition(digest: str, data: dict[str, Any]) -> ToolDefinition | None:
    """The definition, or None when it cannot be read or is not the one that was approved under that hash."""
    try:
        definition = msgspec.convert(data, ToolDefinition)
        if definition.hash == digest:
            return definition
        log.warning("the tool definition %.40s does not have the hash it is named by; it is left out", digest)
    except (ValueError, msgspec.ValidationError) as error:
        log.warning("the tool definition %.40s cannot be read and is left out: %.200s", digest, error)
    return None
