"""Requests that the caller writes: a read is a `GET` or `HEAD` of a path that the binding says only reads."""

from collections.abc import Mapping
from typing import Any

from pipes_catalog.exchange import Open
from pipes_catalog.paths import path_problem, under
from pipes_catalog.tunnels import tunnels

from .verdict import READ, Verdict, refused, write


def judge(opened: Open, arguments: Mapping[str, Any]) -> Verdict:
    """Whether a request with these checked arguments only reads. Method and path are judged as they are sent."""
    method, path = str(arguments.get("method", "")), str(arguments.get("path", ""))
    if problem := path_problem(path):
        return refused(f"path: {problem}")
    if method not in ("GET", "HEAD"):
        return write(f"a {method:.20} may change something")
    query = arguments.get("query")
    for name in query if isinstance(query, Mapping) else ():
        if tunnels(method, name):
            return write(f"the parameter {name:.60} may make another method of it")
    if not any(under(prefix, path) for prefix in opened.read_prefixes):
        known = ", ".join(opened.read_prefixes) or "none"
        return write(f"of this path it is not known that a {method} only reads; known are paths under: {known}")
    return READ
