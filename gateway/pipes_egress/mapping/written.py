"""A request that the caller wrote itself, made ready to send: what it may choose is checked, everything is encoded."""

from collections.abc import Mapping
from typing import Any

from pipes_catalog.exchange import Open
from pipes_catalog.paths import path_problem

from ..problems import ArgumentRefused
from .build import Outgoing, bounded, encoded_json, encoded_pairs, whole_header


def written(opened: Open, arguments: Mapping[str, Any], headers: Mapping[str, str]) -> Outgoing:
    """The request of checked arguments; `headers` are fixed, and only those that `opened` names may be added.

    Raises:
        ArgumentRefused: an argument cannot be sent, or not with this method.
    """
    method, path = str(arguments["method"]), str(arguments["path"])
    if problem := path_problem(path):
        raise ArgumentRefused(f"path: {problem}")
    query = encoded_pairs(_named(arguments, "query"))
    sent = {**headers, **_headers(opened, _named(arguments, "headers"))}
    body, kind = _body(method, arguments)
    if kind:
        sent["Content-Type"] = kind
    return Outgoing(method, bounded(path + (f"?{query}" if query else "")), sent, body)


def _named(arguments: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    values = arguments.get(name)
    if values is None:
        return {}
    if not isinstance(values, Mapping) or not all(key and key.isprintable() for key in values):
        raise ArgumentRefused(f"{name} must be an object of named values")
    return values


def _headers(opened: Open, given: Mapping[str, Any]) -> dict[str, str]:
    for name in given:
        if name not in opened.headers:
            raise ArgumentRefused(f"the header {name!r:.60} cannot be given; there are {', '.join(opened.headers)}")
    return {name: whole_header(name, str(value)) for name, value in given.items()}


def _body(method: str, arguments: Mapping[str, Any]) -> tuple[bytes | None, str]:
    given = [name for name in ("body", "form") if name in arguments]
    if given and method in ("GET", "HEAD"):
        raise ArgumentRefused(f"{given[0]}: a {method} has no body")
    if len(given) > 1:
        raise ArgumentRefused("give body or form, not both")
    if given == ["form"]:
        return encoded_pairs(_named(arguments, "form")).encode(), "application/x-www-form-urlencoded"
    return (encoded_json(arguments["body"]), "application/json") if given else (None, "")
