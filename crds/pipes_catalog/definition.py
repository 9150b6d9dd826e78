"""A tool definition: everything about one tool that an approval covers."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

import msgspec

from pipes_api import canonical
from pipes_api.resources import Value

from .exchange import Exchange, Part
from .remote import Remote


class ToolAccess(StrEnum):
    """What a tool does. JUDGED tools are told apart by their arguments, call by call."""

    READ = "Read"
    WRITE = "Write"
    JUDGED = "Judged"


class Judge(Part):
    """Which argument tells what a call does, and in which language.

    `operation`: in GraphQL, the argument that names the operation to execute, if the tool has one.
    """

    language: str
    argument: str
    dialect: str = ""
    operation: str = ""


Alternatives = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
"""OAuth scopes (RFC 6749 section 3.3) of which one is enough, the narrowest first."""


class DefinitionInvalid(ValueError):  # noqa: N818 - reads as what happened
    """Not a definition this version can read, or not the one its hash names."""


class ToolDefinition(Value, forbid_unknown_fields=True, dict=True):
    """One tool of a catalog, as it travels and as it is hashed.

    `name` is the catalog's (`query`); the advertised name adds the binding's.
    `exchange` holds all that is needed to execute it; a tool of a hosted MCP
    server has `remote` instead. Of each entry of `scopes` the connection must
    have one: `((drive.readonly, drive), …)`.
    """

    name: str
    title: str
    description: str
    access: ToolAccess
    input_schema: dict[str, Any]
    scopes: tuple[Alternatives, ...] = ()
    judge: Judge | None = None
    exchange: Exchange | None = None
    remote: Remote | None = None

    @cached_property
    def hash(self) -> str:
        return canonical.digest(to_wire(self))

    def lacking(self, granted: Collection[str]) -> tuple[str, ...]:
        """The narrowest scope of each entry that a connection with those scopes does not meet."""
        return tuple(entry[0] for entry in self.scopes if not any(scope in granted for scope in entry))


def to_wire(definition: ToolDefinition) -> dict[str, Any]:
    """Plain JSON data, as it is hashed and as it travels."""
    plain: dict[str, Any] = msgspec.to_builtins(definition)
    return plain


def from_wire(digest: str, data: Mapping[str, Any]) -> ToolDefinition:
    """Read a definition and hold it to its hash.

    Raises:
        DefinitionInvalid: a field is missing or unknown, or the content hashes to something else.
    """
    try:
        definition = msgspec.convert(data, ToolDefinition)
        actual = definition.hash
    except (msgspec.ValidationError, ValueError) as error:
        raise DefinitionInvalid(f"the tool definition {digest:.40} cannot be read: {error}") from error
    if actual != digest:
        raise DefinitionInvalid(f"the tool definition {digest:.40} is not the one this hash names")
    return definition
