"""Google's API discovery documents, as the official client library ships them."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from googleapiclient.discovery_cache import get_static_doc  # type: ignore[import-untyped]

from .description import Description, Operation, Parameter, Schema


@cache
def discovery(name: str, version: str) -> Description:
    """The description of an API such as `calendar`, `v3`; scopes are those of which one is enough."""
    document = json.loads(get_static_doc(name, version))
    schemas = {key: _schema(each) for key, each in document["schemas"].items()}
    base = "/" + document["servicePath"]
    common = tuple(_parameters(document.get("parameters", {}), place="query"))
    return Description(tuple(_operations(document, schemas, base, common)), schemas)


def _operations(
    resource: Mapping[str, Any], schemas: Mapping[str, Schema], base: str, common: tuple[Parameter, ...]
) -> Iterator[Operation]:
    for method in resource.get("methods", {}).values():
        parameters = (*_parameters(method.get("parameters", {})), *common)
        body = _body(method, schemas)
        operation = Operation(
            method=method["httpMethod"],
            path=_path(base + method["path"]),
            parameters=parameters,
            body=body,
            body_required=bool(body and body.get("required")),
            scopes=tuple(method.get("scopes", ())),
            answer=method.get("response"),
        )
        yield operation
        for protocol, upload in method.get("mediaUpload", {}).get("protocols", {}).items():
            kinds = ["media", "multipart"] if protocol == "simple" else ["resumable"]
            kind = Parameter("uploadType", "query", {"type": "string", "enum": kinds}, required=True)
            yield Operation(
                method=operation.method,
                path=_path(upload["path"]),
                parameters=(*parameters, kind),
                body=body,
                scopes=operation.scopes,
                answer=operation.answer,
            )
    for each in resource.get("resources", {}).values():
        yield from _operations(each, schemas, base, common)


def _path(template: str) -> str:
    """RFC 6570's `{+name}` takes slashes as well; what we send in its place never holds one."""
    return template.replace("{+", "{")


def _body(method: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Schema | None:
    """The request's schema. Which members a method needs is told at each member, by the method's id."""
    if "request" not in method:
        return None
    schema = schemas[method["request"]["$ref"]]
    properties = schema.get("properties", {})
    required = [
        name for name, each in properties.items() if method["id"] in each.get("annotations", {}).get("required", ())
    ]
    return {**schema, "required": required} if required else schema


def _parameters(described: Mapping[str, Any], place: str = "") -> Iterator[Parameter]:
    for name, each in described.items():
        schema = _schema(each)
        if each.get("repeated"):
            schema = {"type": "array", "items": schema}
        yield Parameter(name, place or each["location"], schema, each.get("required") is True)


def _schema(described: Any) -> Any:
    """Discovery writes numbers as text."""
    if isinstance(described, list):
        return [_schema(each) for each in described]
    if not isinstance(described, dict):
        return described
    made = {name: _schema(each) for name, each in described.items()}
    for bound in ("minimum", "maximum"):
        if isinstance(made.get(bound), str):
            made[bound] = int(made[bound])
    return made
