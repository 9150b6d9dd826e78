"""Provider catalogs: what each provider's tools are, as data.

One YAML file per provider under `providers/`, the JSON Schema they are held to,
the loader, and the content hash of every tool definition. No code of the
product knows a provider by name.
"""

from .definition import DefinitionInvalid, Judge, ToolAccess, ToolDefinition, from_wire, to_wire
from .loader import Catalog, CatalogError, Catalogs, NameTooLong, UnknownTool, advertised, load

__all__ = [
    "Catalog",
    "CatalogError",
    "Catalogs",
    "DefinitionInvalid",
    "Judge",
    "NameTooLong",
    "ToolAccess",
    "ToolDefinition",
    "UnknownTool",
    "advertised",
    "from_wire",
    "load",
    "to_wire",
]
