"""A GraphQL schema, read off the TypeScript that GraphQL Code Generator makes of it.

Such a file has a type for each type of the schema, `QueryIssuesArgs` for the arguments of `Query.issues`, enumerations,
and unions: all there is to know of a schema, for providers that publish nothing else.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from graphql import GraphQLSchema, build_schema

_COMMENT = re.compile(r"/\*\*.*?\*/", re.DOTALL)
_BLOCK = re.compile(r"^type (\w+) = ((?:\w+ & )*)\{\n(.*?)^\};", re.DOTALL | re.MULTILINE)
_ENUM = re.compile(r"^declare enum (\w+) \{\n(.*?)^\}", re.DOTALL | re.MULTILINE)
_VALUE = re.compile(r'= "(\w+)"')
_UNION = re.compile(r"^type (\w+) = (\w+(?: \| \w+)*);$", re.MULTILINE)
_FIELD = re.compile(r"^  (\w+)\??: (.*);$", re.MULTILINE)
_NAME = re.compile(r"\w+")
_SCALAR = re.compile(r'Scalars\["(\w+)"\](?:\["(?:in|out)put"\])?')
_WRAPPED = re.compile(r"(Maybe|InputMaybe|Array)<(.*)>\Z")

BUILT_IN = frozenset({"ID", "String", "Boolean", "Int", "Float"})


@cache
def generated_schema(path: Path) -> GraphQLSchema:
    """The schema in a declaration file (`*.d.ts`)."""
    return build_schema(sdl(path.read_text(encoding="utf-8")), assume_valid=True)


def sdl(text: str) -> str:
    """In the schema's own language (GraphQL specification, section 3): all that can be reached from its roots."""
    text = _COMMENT.sub("", text)
    blocks = {name: _Block(name, parents, body) for name, parents, body in _BLOCK.findall(text)}
    enums, unions = dict(_ENUM.findall(text)), dict(_UNION.findall(text))
    scalars = [name for name in blocks["Scalars"].fields if name not in BUILT_IN]
    reached = _reached(blocks, unions)
    interfaces = frozenset(parent for each in blocks.values() for parent in each.interfaces)
    return "\n".join(
        [
            *(f"scalar {name}" for name in scalars),
            *(f"enum {name} {{ {' '.join(_VALUE.findall(enums[name]))} }}" for name in enums if name in reached),
            *(f"union {name} = {unions[name]}" for name in unions if name in reached and "|" in unions[name]),
            *(blocks[name].written(blocks, interfaces) for name in blocks if name in reached),
        ]
    )


@dataclass(frozen=True)
class _Block:
    """One object type of the file."""

    name: str
    parents: str
    body: str

    @property
    def fields(self) -> dict[str, str]:
        return {name: kind for name, kind in _FIELD.findall(self.body) if name != "__typename"}

    @property
    def interfaces(self) -> list[str]:
        return _NAME.findall(self.parents)

    def arguments(self, field: str, blocks: Mapping[str, "_Block"]) -> dict[str, str]:
        found = blocks.get(f"{self.name}{field[0].upper()}{field[1:]}Args")
        return found.fields if found is not None else {}

    def mentioned(self, blocks: Mapping[str, "_Block"]) -> Iterator[str]:
        yield from self.interfaces
        for name, kind in self.fields.items():
            for text in (kind, *self.arguments(name, blocks).values()):
                yield from _NAME.findall(text)

    def written(self, blocks: Mapping[str, "_Block"], interfaces: frozenset[str]) -> str:
        # Input objects have no name of their own in an answer.
        keyword = "type" if "__typename?:" in self.body else "input"
        if self.name in interfaces:
            keyword = "interface"
        implemented = f" implements {' & '.join(self.interfaces)}" if self.parents else ""
        fields = []
        for name, kind in self.fields.items():
            taken = [f"{each}: {_type(its)}" for each, its in self.arguments(name, blocks).items()]
            fields.append(name + (f"({' '.join(taken)})" if taken else "") + f": {_type(kind)}")
        return f"{keyword} {self.name}{implemented} {{ {' '.join(fields)} }}"


def _reached(blocks: Mapping[str, _Block], unions: Mapping[str, str]) -> set[str]:
    reached, waiting = set[str](), ["Query", "Mutation"]
    while waiting:
        name = waiting.pop()
        if name in reached or name == "Scalars":
            continue
        reached.add(name)
        waiting += _NAME.findall(unions.get(name, ""))
        if name in blocks:
            waiting += blocks[name].mentioned(blocks)
    return reached


def _type(text: str) -> str:
    """`Maybe<Array<Scalars["String"]>>` is `[String!]`."""
    written = _SCALAR.sub(r"\1", text)
    match = _WRAPPED.match(written)
    if match and match[1] != "Array":
        return _type(match[2]).removesuffix("!")
    return f"[{_type(match[2])}]!" if match else f"{written}!"
