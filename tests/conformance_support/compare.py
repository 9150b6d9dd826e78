"""A tool's requests, held against a description: everything that is sent must be described, and fit."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipes_catalog import ToolDefinition
from pipes_catalog.references import SPACES, all_references, operator_of, references, whole
from pipes_catalog.requests import Sent, requests

from .description import PARAMETER, Description, Operation, Schema, segments
from .fits import COMPOSED, misfits, type_of, types

ANYTHING: Schema = {}


def differences(tool: ToolDefinition, description: Description, *, undescribed: Sequence[str] = ()) -> list[str]:
    """Sentences about what the description does not have; empty when it has everything the tool sends.

    `undescribed` are names that the provider takes though it does not describe them: say in the test why.
    """
    arguments = tool.input_schema
    found = []
    for sent in requests(tool):
        method, path = sent.request.method, sent.request.path
        place = f"{tool.name}, {'.'.join(map(str, sent.place))}: {method} {path}"
        operation = description.find(method, path)
        if operation is None:
            found.append(f"{place} is not described")
        else:
            compared = _Comparison(arguments, description, operation, frozenset(undescribed))
            found += [f"{place} {each}" for each in compared.all(sent)]
    return found


def unfitting(template: Any, theirs: Schema, place: str, tool: ToolDefinition, description: Description) -> list[str]:
    """Sentences about why what the template makes would not fit that schema of the description; empty when it does."""
    compared = _Comparison(tool.input_schema, description, Operation("", ""), frozenset())
    return list(compared.template(template, theirs, place))


class _Comparison:
    def __init__(
        self, arguments: Schema, description: Description, operation: Operation, undescribed: frozenset[str]
    ) -> None:
        self._arguments = arguments
        self._description = description
        self._operation = operation
        self._undescribed = undescribed
        self._items: list[Schema] = []

    def all(self, sent: Sent) -> Iterator[str]:
        yield from self._path(sent)
        yield from self._query(sent.query)
        body = sent.request.body
        if body is None:
            if self._operation.body_required:
                yield "has no body, described as required"
            return
        if self._operation.body is None:
            yield "has a body, which is not described"
        elif isinstance(body.form, dict):
            yield from self.template(body.form, self._operation.body, "form", written=True)
        elif body.related:
            for parts in body.related:
                yield from self.template(parts[0].json, self._operation.body, "body")
        else:
            yield from self.template(body.json, self._operation.body, "body")

    def _path(self, sent: Sent) -> Iterator[str]:
        described = self._operation.named("path")
        for our, their in zip(segments(sent.request.path), segments(self._operation.path), strict=True):
            parameter = PARAMETER.search(their)
            if parameter and parameter[1] in described:
                # What stands beside the parameter is in both, or the operation would not have been found.
                value = (PARAMETER.search(our) or [our])[0]
                yield from self.template(value, described[parameter[1]].schema, f"path {their}", written=True)

    def _query(self, query: Mapping[str, Any]) -> Iterator[str]:
        described = self._operation.named("query")
        for name, template in query.items():
            if name in self._undescribed:
                continue
            if name not in described:
                yield f"query {name} is not described"
            else:
                yield from self.template(template, described[name].schema, f"query {name}", written=True)
        for name, each in described.items():
            if each.required and not (name in query and self._always(query[name])):
                yield f"query {name} may be left out, described as required"

    def template(self, template: Any, theirs: Schema, place: str, *, written: bool = False) -> Iterator[str]:
        """A template, and where the provider's schema says what may stand there."""
        operator = operator_of(template) if isinstance(template, Mapping) else ""
        if template is None and self._operation.method == "PATCH":
            return  # It clears the member (RFC 7396), whatever the member's type.
        if operator == "$cases":
            for case in template["$cases"]:
                yield from self.template(case["value"], theirs, place, written=written)
        elif operator == "$each":
            yield from self._each(template, theirs, place, written)
        elif isinstance(template, Mapping) and not operator:
            yield from self._object(template, theirs, place, written)
        elif isinstance(template, list | tuple):
            yield from self._list(template, theirs, place, written)
        else:
            ours = self._schema_of(template)
            for our, their in self._written(ours, theirs) if written else [(ours, theirs)]:
                yield from (f"{place} {each}" for each in misfits(our, their, self._description, written=written))

    def _object(self, template: Mapping[str, Any], theirs: Schema, place: str, written: bool) -> Iterator[str]:
        every = list(self._description.alternatives(theirs))
        objects = [each for each in every if not types(each) or "object" in types(each)]
        complaints = [list(self._members(template, each, place, written)) for each in objects or every]
        yield from min(complaints, key=len, default=[])

    def _members(self, template: Mapping[str, Any], theirs: Schema, place: str, written: bool) -> Iterator[str]:
        if types(theirs) and "object" not in types(theirs):
            yield f"{place} is an object, described as {' or '.join(sorted(types(theirs)))}"
            return
        described = theirs.get("properties", {})
        for name, each in template.items():
            if name in described:
                yield from self.template(each, described[name], f"{place}.{name}", written=written)
            elif name not in self._undescribed and not _open(theirs):
                yield f"{place}.{name} is not described"
        for name in theirs.get("required", ()):
            if name not in template or not self._always(template[name]):
                yield f"{place}.{name} may be left out, described as required"

    def _list(self, template: Sequence[Any], theirs: Schema, place: str, written: bool) -> Iterator[str]:
        for each in template:
            for schema in self._lists(theirs):
                yield from self.template(each, schema.get("items", ANYTHING), f"{place}[]", written=written)
        if not self._lists(theirs):
            yield f"{place} is a list, and is not described as one"

    def _each(self, template: Mapping[str, Any], theirs: Schema, place: str, written: bool) -> Iterator[str]:
        listed = template["$each"]
        entry = self._schema_of(listed).get("items", ANYTHING) if isinstance(listed, str) else {"type": "string"}
        self._items.append(entry)
        yield from self._list([template["$value"]], theirs, place, written)
        self._items.pop()

    def _written(self, ours: Schema, theirs: Schema) -> list[tuple[Schema, Schema]]:
        """A list may be written as several parameters of one name, or as one text with commas."""
        kinds = self._kinds(theirs)
        if "array" in types(ours) and "array" not in kinds:
            return [(ours.get("items", ANYTHING), theirs)]
        if kinds == {"array"} and "string" in types(ours):
            entry = next(iter(self._lists(theirs))).get("items", ANYTHING)
            if "const" in ours:
                return [({"type": "string", "const": each}, entry) for each in ours["const"].split(",")]
            return [(ours, entry)]
        return [(ours, theirs)]

    def _lists(self, theirs: Schema) -> list[Schema]:
        every = list(self._description.alternatives(theirs))
        return [each for each in every if not types(each) or "array" in types(each)][:1]

    def _kinds(self, theirs: Schema) -> set[str]:
        return {kind for each in self._description.alternatives(theirs) for kind in types(each)}

    def _schema_of(self, template: Any) -> Schema:
        """What a leaf may be, as a schema."""
        if isinstance(template, Mapping):
            if "$literal" in template:
                return {"type": "string", "const": template["$literal"]}
            kind = "array" if operator_of(template) in ("$chunks", "$split") else "string"
            return {"type": kind, COMPOSED: True}
        if not isinstance(template, str) or not references(template):
            return {"type": type_of(template), "const": template}
        reference = whole(template)
        if reference is None or reference.filter:
            return {"type": "string", COMPOSED: True}
        if reference.space == "item":
            return _member(self._items[-1] if self._items else ANYTHING, reference.name.partition(".")[2])
        return ANYTHING if reference.space else _member(self._arguments, reference.name)

    def _always(self, template: Any) -> bool:
        """Whether the template makes something of all arguments that the tool accepts."""
        if isinstance(template, Mapping) and "$cases" in template:
            return any("when" not in case for case in template["$cases"])
        if isinstance(template, Mapping) and "$join" in template:
            return any(self._always(each) for each in template["$parts"])
        if isinstance(template, Mapping) and operator_of(template) in ("", "$message"):
            return True
        required, properties = self._arguments.get("required", ()), self._arguments["properties"]
        return all(
            each.space in SPACES or each.argument in required or "default" in properties[each.argument]
            for each in all_references(template)
        )


def _open(schema: Schema) -> bool:
    """Whether any member may be there: an object of which nothing is told, or one that says so."""
    return bool(schema.get("additionalProperties")) or not schema.get("properties")


def _member(schema: Schema, path: str) -> Schema:
    for name in filter(None, path.split(".")):
        schema = schema.get("properties", {}).get(name, ANYTHING)
    return schema
