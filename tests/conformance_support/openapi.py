"""OpenAPI 3 and its predecessor Swagger 2, as far as parameters and JSON bodies go."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .description import Description, Operation, Parameter, Schema

NODE_MODULES = Path(__file__).parent.parent / "node" / "node_modules"
"""Where npm puts the packages that hold descriptions; tests that read them are marked `node`."""

METHODS = ("get", "put", "post", "delete", "patch")


class _Schemas(dict[str, Schema]):
    """Finds a schema by its reference (`#/components/schemas/issue`) when it is first asked for."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__()
        self._document = document

    def __missing__(self, reference: str) -> Schema:
        found: Any = self._document
        for name in reference.removeprefix("#/").split("/"):
            found = found[name.replace("~1", "/").replace("~0", "~")]
        self[reference] = found
        return self[reference]


@cache
def openapi(path: Path, prefix: str = "") -> Description:
    """The description in a JSON file. `prefix` is put before its paths, where its server's address has one."""
    document = json.loads(path.read_text(encoding="utf-8"))
    schemas = _Schemas(document)
    return Description(tuple(_operations(document, schemas, prefix)), schemas)


def _operations(document: Mapping[str, Any], schemas: _Schemas, prefix: str) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = methods[method]
                declared = [*methods.get("parameters", ()), *operation.get("parameters", ())]
                parameters = [schemas[each["$ref"]] if "$ref" in each else each for each in declared]
                body, required = _body(operation, parameters, schemas)
                yield Operation(
                    method=method.upper(),
                    path=prefix + path,
                    parameters=tuple(
                        _parameter(each) for each in parameters if each["in"] in ("path", "query", "header")
                    ),
                    body=body,
                    body_required=required,
                    scopes=tuple(_scopes(operation, document)),
                )


def _scopes(operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    kinds = document.get("components", document).get("securitySchemes", document.get("securityDefinitions", {}))
    for each in operation.get("security", ()):
        for name, scopes in each.items():
            if kinds.get(name, {}).get("type") == "oauth2":
                yield from scopes


def _parameter(described: Mapping[str, Any]) -> Parameter:
    # Swagger 2 has the members of the schema beside the name.
    return Parameter(described["name"], described["in"], described.get("schema", described), _is_true(described))


def _is_true(described: Mapping[str, Any]) -> bool:
    return described.get("required") is True


def _body(
    operation: Mapping[str, Any], parameters: list[Mapping[str, Any]], schemas: _Schemas
) -> tuple[Schema | None, bool]:
    """The schema of a JSON body or of a form, and whether there must be one."""
    for each in parameters:
        if each["in"] == "body":
            return each["schema"], _is_true(each)
    form = {each["name"]: each for each in parameters if each["in"] == "formData"}
    if form:
        return {"type": "object", "properties": form, "required": [each for each in form if _is_true(form[each])]}, True
    body = operation.get("requestBody")
    if body is None:
        return None, False
    body = schemas[body["$ref"]] if "$ref" in body else body
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        if kind in body["content"]:
            return body["content"][kind].get("schema", {}), bool(body.get("required"))
    return None, False
