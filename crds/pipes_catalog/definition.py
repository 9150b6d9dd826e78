"""A tool definition: everything about one tool that an approval covers."""

from enum import StrEnum
from functools import cached_property
from typing import Any

import msgspec

from pipes_api import canonical
from pipes_api.resources import Value


class ToolAccess(StrEnum):
    """What a tool does. JUDGED tools are told apart by their arguments, call by call."""

    READ = "Read"
    WRITE = "Write"
    JUDGED = "Judged"


class ToolDefinition(Value, forbid_unknown_fields=True, dict=True):
    """One tool of a catalog, as it travels and as it is hashed.

    `name` is the catalog's (`query`); the advertised name adds the binding's.
    """

    name: str
    title: str
    description: str
    access: ToolAccess
    input_schema: dict[str, Any]
    scopes: tuple[str, ...] = ()
    judge: str = ""
    request: dict[str, Any] = msgspec.field(default_factory=dict)

    @cached_property
    def hash(self) -> str:
        return canonical.digest(msgspec.to_builtins(self))
