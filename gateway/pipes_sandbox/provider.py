"""A provider the sandbox stands in for: a module under `providers/` that says so with `PROVIDER`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from pipes_sandbox import providers
from pipes_sandbox.pipes.store import Environment
from pipes_sandbox.pipes.vending import TenantOf
from pipes_sandbox.service import Service
from pipes_sandbox.settings import Settings
from pipes_sandbox.tokens import TokenBook


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a stand-in is built into: whose tokens it honours, and the people and accounts of Pipes."""

    tokens: TokenBook
    environment: Environment
    settings: Settings


@dataclass(frozen=True, slots=True)
class Provider:
    """How one provider is stood in for.

    `slug` is the one in Pipes. `seed` says what it starts with: `integrations` and
    `accounts` as Pipes knows them, `data` for `build`; it is a mapping, or the name
    of a package that holds `seed.yaml`. `token_prefix` begins its access tokens. `tenant`
    tells which customer's host a token is good for, where there are such hosts.
    """

    slug: str
    build: Callable[[Surroundings, Mapping[str, Any]], Service]
    seed: Mapping[str, Any] | str
    token_prefix: str = ""
    tenant: TenantOf = lambda config, metadata: ""

    @property
    def section(self) -> str:
        """Where its data is in a seed file that a user writes."""
        return self.slug.replace("-", "_")

    def shipped_seed(self) -> Mapping[str, Any]:
        if not isinstance(self.seed, str):
            return self.seed
        document: dict[str, Any] = yaml.safe_load((files(self.seed) / "seed.yaml").read_text(encoding="utf-8"))
        return document


@cache
def all_providers() -> tuple[Provider, ...]:
    """Every module of `providers/`, in the order of their names."""
    names = sorted(each.name for each in pkgutil.iter_modules(providers.__path__))
    found = (importlib.import_module(f"{providers.__name__}.{name}") for name in names)
    return tuple(module.PROVIDER for module in found)
