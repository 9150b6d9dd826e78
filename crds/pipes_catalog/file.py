"""A catalog file: one provider, where it is, and its tools. `catalog.schema.json` is made from these types."""

from typing import Annotated, Any, Literal

import msgspec

from .definition import Alternatives, Judge, ToolAccess, ToolDefinition
from .exchange import Case, Credential, Endpoint, Errors, Exchange, Job, Open, Paging, Part, Request, Result

FORMAT = "pipesmcp.io/catalog/v1"

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
ToolName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Sentence = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class CatalogTool(Part):
    """One tool. `description` is written for a model; `input_schema` is what MCP calls `inputSchema`."""

    name: ToolName
    title: Sentence
    description: Sentence
    access: ToolAccess
    input_schema: dict[str, Any]
    scopes: tuple[Alternatives, ...] = ()
    judge: Judge | None = None
    host: str = ""
    lookup: Request | None = None
    request: Request | None = None
    cases: tuple[Case, ...] = ()
    open: Open | None = None
    job: Job | None = None
    paging: Paging | None = None
    details: Request | None = None
    result: Result = Result()


class CatalogFile(Part):
    """One provider: `provider` is its Pipes slug and the file's name."""

    format: Literal["pipesmcp.io/catalog/v1"]
    provider: Slug
    title: Sentence
    endpoint: Endpoint
    tools: tuple[CatalogTool, ...]
    credential: Credential = Credential()
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    errors: Errors = Errors()

    @property
    def common(self) -> Exchange:
        """What all its tools share."""
        return Exchange(
            title=self.title,
            endpoint=self.endpoint,
            credential=self.credential,
            headers=self.headers,
            errors=self.errors,
        )

    def definitions(self) -> tuple[ToolDefinition, ...]:
        """Its tools, each with everything it needs of the file."""
        return tuple(definition_of(tool, self.common) for tool in self.tools)


def definition_of(tool: CatalogTool, common: Exchange) -> ToolDefinition:
    """The tool, at the provider that `common` tells of."""
    exchange = msgspec.structs.replace(
        common,
        host=tool.host,
        lookup=tool.lookup,
        request=tool.request,
        cases=tool.cases,
        open=tool.open,
        job=tool.job,
        paging=tool.paging,
        details=tool.details,
        result=tool.result,
    )
    return ToolDefinition(
        name=tool.name,
        title=tool.title,
        description=" ".join(tool.description.split()),
        access=tool.access,
        input_schema=tool.input_schema,
        scopes=tool.scopes,
        judge=tool.judge,
        exchange=exchange,
    )


def schema(kind: type[msgspec.Struct] = CatalogFile) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a catalog file, or of a part of one."""
    (document,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Pipes MCP provider catalog"}
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode({**named, **document, "$defs": components}))
    return plain
