"""A description read off Python classes that OpenAPI Generator made, where the description itself is not published.

Each method of an API class is one operation; its source holds method, path, query parameters and types. Models tell
their members in `openapi_types` and `attribute_map`, and in their setters what must be there and which values exist.
"""

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .description import Description, Operation, Parameter, Schema

_METHOD = re.compile(r"    def (\w+)_with_http_info\(self.*?(?=\n    def |\Z)", re.DOTALL)
_CALL = re.compile(r'call_api\(\s+"(?P<path>[^"]+)",\s+"(?P<method>\w+)"')
_QUERY = re.compile(r'query_params\.append\(\("(\w+)", local_var_params\["(\w+)"\]')
_PATH = re.compile(r'path_params\["(\w+)"\] = local_var_params\["(\w+)"\]')
_BODY = re.compile(r'body_params = local_var_params\["(\w+)"\]')
_TYPE = re.compile(r":type (\w+): ([\w\[\], ]+)\n")
_ALLOWED = re.compile(r"allowed_values = (\[.*?\])")
_PLAIN: Mapping[str, Schema] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string"},
    "object": {},
}


class _Models(dict[str, Schema]):
    """Schemas of the models in a package, by `package:Name`, made when first asked for: models name each other."""

    def __missing__(self, reference: str) -> Schema:
        package, _, name = reference.partition(":")
        model = getattr(importlib.import_module(package), name)
        properties: dict[str, Schema] = {}
        required = []
        for attribute, kind in model.openapi_types.items():
            member = model.attribute_map[attribute]
            setter = inspect.getsource(getattr(model, attribute).fset)
            allowed = _ALLOWED.search(setter)
            enum = {"enum": re.findall(r'"([^"]*)"', allowed[1])} if allowed else {}
            properties[member] = {**schema_of(kind, package), **enum}
            if "must not be `None`" in setter:
                required.append(member)
        self[reference] = {"type": "object", "properties": properties, "required": required}
        return self[reference]


def generated(*apis: type[Any]) -> Description:
    """All operations of these API classes; each is in `<package>.api`, and its models in `<package>.models`."""
    return Description([each for api in apis for each in _operations(api)], _Models())


def _operations(api: type[Any]) -> Iterator[Operation]:
    models = api.__module__.rpartition(".api")[0] + ".models"
    for found in _METHOD.finditer(inspect.getsource(api)):
        source = found[0]
        call = _CALL.search(source)
        assert call is not None, found[1]
        kinds = dict(_TYPE.findall(source))
        # All that is in a path or a body must be there: the generator makes it a positional parameter.
        path = [Parameter(name, "path", schema_of(kinds[own], models), True) for name, own in _PATH.findall(source)]
        query = [Parameter(name, "query", schema_of(kinds[own], models)) for name, own in _QUERY.findall(source)]
        body = _BODY.search(source)
        yield Operation(
            method=call["method"],
            path=call["path"],
            parameters=(*path, *query),
            body=schema_of(kinds[body[1]], models) if body else None,
            body_required=body is not None,
        )


def schema_of(kind: str, models: str) -> Schema:
    """The JSON Schema of a type as the generator writes it: `str`, `list[Filter]`, `dict[str, str]`."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if listed := re.fullmatch(r"list\[(.*)\]", kind):
        return {"type": "array", "items": schema_of(listed[1], models)}
    if mapped := re.fullmatch(r"dict\[str, (.*)\]", kind):
        return {"type": "object", "additionalProperties": schema_of(mapped[1], models)}
    return {"$ref": f"{models}:{kind}"}
