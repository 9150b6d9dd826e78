"""Hostile values in every path parameter of every tool of every catalog: refused, or one segment of the same path."""

from collections.abc import Iterator
from urllib.parse import unquote

import pytest

import pipes_catalog
from data_files import lines
from pipes_catalog.exchange import Request
from pipes_catalog.paths import climbs
from pipes_catalog.references import references
from pipes_catalog.requests import requests
from pipes_egress.mapping.build import path_of
from pipes_egress.mapping.scope import Scope
from pipes_egress.problems import ArgumentRefused

VALUES = [line for _, line in lines("path_params.txt")]


def paths() -> Iterator[tuple[str, Request]]:
    """Every request whose path holds a reference."""
    for catalog in pipes_catalog.load().by_provider.values():
        for tool in catalog.tools.values():
            for sent in requests(tool):
                if references(sent.request.path):
                    place = ".".join(str(each) for each in sent.place)
                    yield f"{catalog.provider} {tool.name} {place}", sent.request


PATHS = dict(paths())


@pytest.mark.parametrize("where", PATHS)
def test_no_value_leaves_its_segment(where: str) -> None:
    request = PATHS[where]
    names = {each.name for each in references(request.path)}
    refused = 0
    for value in VALUES:
        for name in names:
            try:
                path = path_of(request, _scope(names, name, value))
            except ArgumentRefused:
                refused += 1
                continue
            templates, segments = request.path.split("/"), path.split("/")
            assert len(segments) == len(templates), value
            filled = {segment for template, segment in zip(templates, segments, strict=True) if references(template)}
            assert not {".", "..", ""} & filled, value
            assert not set(path) & set("?#\\ \r\n\0"), value
            assert path.isascii(), value
            assert not climbs(unquote(path)), "nor does it for a server that decodes before it takes paths apart"
    # At least `.` and `..`, where there is nothing beside the value in its segment.
    assert refused >= 2 * sum(f"{{{name}}}" in request.path.split("/") for name in names)


def _scope(names: set[str], hostile: str, value: str) -> Scope:
    """Every name that the path needs, wherever it comes from; one of them hostile."""
    arguments: dict[str, str] = {}
    spaces: dict[str, dict[str, str]] = {}
    for name in names:
        given = value if name == hostile else "x"
        space, dot, member = name.partition(".")
        if dot:
            spaces.setdefault(space, {})[member] = given
        else:
            arguments[name] = given
    return Scope(arguments=arguments, spaces=spaces)
