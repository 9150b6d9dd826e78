"""Which calls a fault strikes, and how often."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

EFFECTS = frozenset(
    {
        "none",
        "respond",
        "html",
        "truncated_json",
        "empty",
        "endless",
        "huge",
        "gzip_bomb",
        "cut",
        "reset",
        "hang",
        "vend_error",
    }
)
_MATCHED = frozenset({"service", "host", "method", "path", "query", "body"})
_FIELDS = {
    "match": dict,
    "times": int,
    "skip": int,
    "stage": str,
    "delay": (int, float),
    "effect": str,
    "status": int,
    "headers": dict,
    "body": object,
    "megabytes": (int, float),
    "error": str,
}


class InvalidFaultError(ValueError):
    """A fault that cannot be meant; its text says which member is wrong and what it may be."""


@dataclass(slots=True)
class Fault:
    """One kind of trouble for the calls that match every given pattern."""

    id: int
    match: dict[str, str]
    """Glob patterns (`*`, `?`) by service, host, method, path, query or body; an absent one matches all."""
    times: int | None
    """Calls still to be struck; None for as long as the fault stands."""
    skip: int
    """Matching calls to let pass first."""
    stage: str
    """`before`: the service never sees the call; `after`: it has acted, only its answer is lost."""
    delay: float
    """Seconds to wait first."""
    effect: str
    status: int
    headers: dict[str, str]
    body: Any
    megabytes: float
    error: str
    struck: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    def matches(self, facts: Mapping[str, str]) -> bool:
        return all(fnmatchcase(facts[name], pattern) for name, pattern in self.match.items())

    def as_json(self) -> dict[str, Any]:
        return {**self.settings, "id": self.id, "times": self.times, "skip": self.skip, "struck": self.struck}


class FaultBook:
    """The faults that stand, in the order they were given; the first that matches strikes."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._faults: list[Fault] = []

    def replace(self, documents: Iterable[Any]) -> None:
        """Raises InvalidFaultError and changes nothing when one of them is wrong."""
        self._faults = [self._parse(document) for document in documents]

    def add(self, document: Any) -> Fault:
        fault = self._parse(document)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults = []

    def as_json(self) -> list[dict[str, Any]]:
        return [fault.as_json() for fault in self._faults]

    def take(self, facts: Mapping[str, str]) -> Fault | None:
        """The fault that strikes this call, counted as struck."""
        for fault in self._faults:
            if fault.times == 0 or not fault.matches(facts):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
            fault.struck += 1
            return fault
        return None

    def _parse(self, document: Any) -> Fault:
        if not isinstance(document, dict):
            raise InvalidFaultError("a fault is a JSON object")
        for name, value in document.items():
            if name not in _FIELDS:
                raise InvalidFaultError(f"unknown member {name!r}; a fault has {', '.join(sorted(_FIELDS))}")
            if not isinstance(value, _FIELDS[name]) or isinstance(value, bool):  # type: ignore[arg-type]
                raise InvalidFaultError(f"member {name!r} has the wrong type")
        match = document.get("match", {})
        if unknown := set(match) - _MATCHED:
            raise InvalidFaultError(f"cannot match by {sorted(unknown)}; patterns are {', '.join(sorted(_MATCHED))}")
        effect = document.get("effect", "respond" if "status" in document else "none")
        if effect not in EFFECTS:
            raise InvalidFaultError(f"unknown effect {effect!r}; effects are {', '.join(sorted(EFFECTS))}")
        stage = document.get("stage", "before")
        if stage not in ("before", "after"):
            raise InvalidFaultError("stage is before or after")
        return Fault(
            id=next(self._ids),
            match={name: str(pattern) for name, pattern in match.items()},
            times=document.get("times"),
            skip=document.get("skip", 0),
            stage=stage,
            delay=float(document.get("delay", 0)),
            effect=effect,
            status=document.get("status", 200),
            headers={name: str(value) for name, value in document.get("headers", {}).items()},
            body=document.get("body", ""),
            megabytes=float(document.get("megabytes", 50)),
            error=document.get("error", "not_installed"),
            settings=dict(document),
        )
