"""Reads catalogs: one file per provider, held to the schema and to the rules."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

import jsonschema_rs
import msgspec

from . import file, lines, rules
from .definition import ToolDefinition
from .exchange import Exchange
from .schema_problems import first_problem

LONGEST_NAME = 64
"""Characters of an advertised tool name; model APIs accept no more."""

_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}\Z")


class CatalogError(Exception):
    """One line that names the place (file and line, or a path in a resource) and the rule that is broken."""


class NameTooLong(ValueError):  # noqa: N818 - reads as what happened
    """Binding and tool make a name that model APIs do not accept."""


def advertised(binding: str, tool: str) -> str:
    """The name an agent sees: `google-drive` and `search` → `google_drive_search`.

    Raises:
        NameTooLong: more than 64 characters.
    """
    name = f"{binding.replace('-', '_')}_{tool}"
    if not _NAME.match(name):
        raise NameTooLong(f"{name!r:.100} is not a tool name: at most {LONGEST_NAME} letters, digits, _ and -")
    return name


class UnknownTool(ValueError):  # noqa: N818 - reads as what happened
    """A name in `include` or `exclude` is not one of the catalog's tools."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """One provider's tools, by name. `common` is what they share: endpoint, credential, headers, errors."""

    provider: str
    title: str
    hosts: tuple[str, ...]
    tools: Mapping[str, ToolDefinition]
    common: Exchange


@dataclass(frozen=True, slots=True)
class Catalogs:
    """All catalogs, by provider."""

    by_provider: Mapping[str, Catalog] = field(default_factory=dict)

    def get(self, catalog: str) -> Catalog | None:
        return self.by_provider.get(catalog)

    def hosts(self, catalog: str) -> tuple[str, ...]:
        """Host patterns of the catalog; empty when there is no such catalog."""
        found = self.get(catalog)
        return found.hosts if found is not None else ()

    def tools(
        self,
        catalog: str,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        binding: str = "",
    ) -> tuple[ToolDefinition, ...]:
        """The catalog's tools in its own order, narrowed.

        Names are the catalog's (`query`) or, when `binding` is given, the advertised ones (`snowflake_query`).

        Raises:
            KeyError: there is no such catalog.
            UnknownTool: a name is not one of its tools.
        """
        tools = self.by_provider[catalog].tools
        wanted = None if include is None else {self._name(catalog, each, binding) for each in include}
        unwanted = {self._name(catalog, each, binding) for each in exclude or ()}
        return tuple(
            definition
            for name, definition in tools.items()
            if (wanted is None or name in wanted) and name not in unwanted
        )

    def _name(self, catalog: str, name: str, binding: str) -> str:
        tools = self.by_provider[catalog].tools
        if name in tools:
            return name
        prefix = binding.replace("-", "_") + "_"
        if binding and name.startswith(prefix) and name[len(prefix) :] in tools:
            return name[len(prefix) :]
        raise UnknownTool(f"the catalog {catalog} has no tool {name!r:.80}; it has {', '.join(tools)}")


def load(directory: Path | None = None) -> Catalogs:
    """Read every `*.yaml` of the directory; without one, the catalogs that are shipped.

    Raises:
        CatalogError: a file cannot be read, or breaks a rule.
    """
    source = directory if directory is not None else Path(str(files(__package__))) / "providers"
    try:
        paths = sorted(path for path in source.iterdir() if path.suffix == ".yaml")
    except OSError as error:
        raise CatalogError(f"cannot read the catalogs in {source}: {error.strerror}") from None
    if not paths:
        raise CatalogError(f"there is no catalog (*.yaml) in {source}")
    catalogs = [read(path) for path in paths]
    return Catalogs({each.provider: each for each in catalogs})


def read(path: Path) -> Catalog:
    """Read one catalog file; raises like `load`."""
    try:
        document = lines.read(path.read_text())
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CatalogError(f"{path}:1: is not UTF-8") from None
    except lines.NotYaml as error:
        raise CatalogError(f"{path}:{error.line}: {error.problem}") from None
    if (problem := first_problem(_validator(), document.data)) is not None:
        place, rule = problem
        raise CatalogError(f"{path}:{document.line(place)}: {_dotted(place)}{rule}")
    try:
        catalog = msgspec.convert(document.data, file.CatalogFile)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{path}:1: {error}") from None
    for where, rule in rules.broken_rules(catalog, path.stem):
        raise CatalogError(f"{path}:{document.line(where)}: {_dotted(where)}{rule}")
    tools = {each.name: each for each in catalog.definitions()}
    return Catalog(catalog.provider, catalog.title, catalog.endpoint.hosts, tools, catalog.common)


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(file.schema(), pattern_options=jsonschema_rs.RegexOptions())


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(each) for each in path) + ": " if path else ""
