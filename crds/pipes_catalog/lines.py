"""YAML read so that every value knows its line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]


class NotYaml(Exception):  # noqa: N818 - reads as what happened
    """`line` is counted from 1; the text says what is wrong."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data, and the line of each of its values."""

    data: Any
    lines: dict[Path, int]

    def line(self, path: Sequence[str | int]) -> int:
        """The line of the value at `path`, or of the nearest value around it."""
        place = tuple(path)
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def read(text: str) -> Document:
    """Read one YAML document.

    Raises:
        NotYaml: it cannot be parsed, a key is written twice or is not text, or a value is not of JSON.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(mark.line + 1 if mark else 1, error.problem or "cannot be parsed") from None
    except yaml.YAMLError as error:
        raise NotYaml(1, " ".join(str(error).split())) from None
    if root is None:
        raise NotYaml(1, "the file is empty")
    lines: dict[Path, int] = {}
    return Document(_build(root, (), lines), lines)


def _build(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_build(child, (*path, index), lines) for index, child in enumerate(node.value)]
    value = yaml.SafeLoader("").construct_object(node)
    if value is None or isinstance(value, str | int | float):
        return value
    raise NotYaml(node.start_mark.line + 1, f"a {type(value).__name__} has no JSON form; put it in quotes")


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
            raise NotYaml(line, "every key must be text; put it in quotes")
        key = key_node.value
        if key in result:
            raise NotYaml(line, f"the key {key!r} is written twice")
        lines[(*path, key)] = line
        result[key] = _build(value_node, (*path, key), lines)
    return result
