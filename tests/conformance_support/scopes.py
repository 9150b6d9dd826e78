"""A tool's scopes, held against a description that tells which scopes each operation accepts."""

from pipes_catalog import ToolDefinition
from pipes_catalog.requests import requests

from .description import Description


def refused_scopes(tool: ToolDefinition, description: Description) -> list[str]:
    """Sentences about requests that a connection would be refused though it has what the tool asks for.

    Of each entry of a tool's scopes a connection has one, whichever; so one entry must be accepted as a whole.
    """
    found = []
    for sent in requests(tool):
        operation = description.find(sent.request.method, sent.request.path)
        accepted = set(operation.scopes) if operation is not None else set()
        if not any(set(alternatives) <= accepted for alternatives in tool.scopes):
            found.append(f"{tool.name}: {sent.request.method} {sent.request.path} accepts {sorted(accepted)}")
    return found
