"""A provider whose answers a test writes, behind the sandbox's front door: real vending, real HTTP, any answer."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
from aiohttp import web

from egress_support import World, egress_world, grant
from pipes_api.grant import GrantedBinding
from pipes_api.resources import Access, Connection
from pipes_catalog import ToolDefinition
from pipes_catalog.file import CatalogFile
from pipes_catalog.rules import broken_rules
from pipes_egress.call import ToolRequest, ToolResult
from pipes_sandbox import provider, providers
from pipes_sandbox.call import Call, RefusalError
from pipes_sandbox.provider import Provider, Surroundings
from pipes_sandbox.service import Service
from pipes_sandbox.tokens import TokenBook

Answers = Callable[[Call], web.Response]

ACCOUNT = "data_installation_acme_alice"
SEED: dict[str, Any] = {
    "integrations": [{"slug": "acme", "name": "Acme", "scopes": ["things"]}],
    "accounts": [
        {
            "id": ACCOUNT,
            "slug": "acme",
            "user_id": "user_alice",
            "account_identifier": "alice@acme.example",
            "scopes": ["things"],
            "config": {"host": "api.acme.example"},
        }
    ],
    "data": {},
}
MODULE = "import scripted\n\nPROVIDER = scripted.PROVIDER\n"


class Acme(Service):
    """Answers what the test says, to whoever has a live token; `content.acme.example` asks for none."""

    name = "acme"
    prefixes = ("/acme",)
    answers: Answers = staticmethod(lambda call: web.Response())
    tokens: TokenBook

    def __init__(self, around: Surroundings) -> None:
        super().__init__()
        type(self).tokens = around.tokens

    def serves(self, host: str) -> bool:
        return host.endswith(".acme.example")

    def authenticate(self, call: Call) -> None:
        if call.host != "content.acme.example" and self.tokens.live(call.bearer(), "acme") is None:
            raise RefusalError(401, {"error": "unauthorized"})

    def unrouted(self, call: Call, allowed: frozenset[str]) -> RefusalError:
        return RefusalError(404, {})

    async def handle(self, call: Call) -> web.StreamResponse:
        try:
            self.authenticate(call)
            return type(self).answers(call)
        except RefusalError as refused:
            return refused.response()


PROVIDER = Provider(slug="acme", build=lambda around, data: Acme(around), seed=SEED)


def tool(**changes: Any) -> ToolDefinition:
    """A tool of Acme's catalog, held to the rules. `endpoint`, `errors` and `headers` are the file's."""
    file: dict[str, Any] = {name: changes.pop(name) for name in ("endpoint", "errors", "headers") if name in changes}
    base: dict[str, Any] = {
        "name": "find",
        "title": "Find",
        "description": "Find things at Acme.",
        "access": "Read",
        "inputSchema": {"type": "object", "additionalProperties": False, "properties": {}},
        "request": {"method": "GET", "path": "/v1/things"},
    }
    catalog = msgspec.convert(
        {
            "format": "pipesmcp.io/catalog/v1",
            "provider": "acme",
            "title": "Acme",
            "endpoint": {"hosts": ["api.acme.example"], "url": "https://api.acme.example"},
            **file,
            "tools": [{**base, **changes}],
        },
        CatalogFile,
    )
    assert list(broken_rules(catalog, "acme")) == []
    return catalog.definitions()[0]


@dataclass
class Scripted:
    """Egress, and Acme."""

    world: World

    async def call(
        self,
        definition: ToolDefinition,
        answers: Answers,
        arguments: dict[str, Any] | None = None,
        binding: dict[str, Any] | None = None,
    ) -> ToolResult:
        """Call the tool while Acme answers so; `binding` changes what is granted."""
        granted = GrantedBinding(
            name="acme",
            uid="uid-acme",
            provider="acme",
            catalog="acme",
            connection=Connection(user_id="user_alice"),
            account=ACCOUNT,
            access=Access.WRITE,
            tools={f"acme_{definition.name}": definition.hash},
            hosts=("*.acme.example",),
        )
        granted = msgspec.structs.replace(granted, **(binding or {}))
        request = ToolRequest(
            grant=grant(granted),
            granted=granted,
            definition=definition,
            arguments=arguments or {},
            check=self.world.policy,
        )
        with patch.object(Acme, "answers", staticmethod(answers)):
            return await self.world.egress.execute(request)

    async def sent(self) -> list[dict[str, Any]]:
        """What Acme was sent, in order."""
        return await self.world.sandbox.calls(service="acme")


@asynccontextmanager
async def scripted(directory: Path, **settings: Any) -> AsyncIterator[Scripted]:
    place = directory / "providers"
    place.mkdir()
    (place / "acme.py").write_text(MODULE)
    with patch.object(providers, "__path__", [*providers.__path__, str(place)]):
        provider.all_providers.cache_clear()
        try:
            async with egress_world(directory, **settings) as world:
                yield Scripted(world)
        finally:
            provider.all_providers.cache_clear()
            sys.modules.pop("pipes_sandbox.providers.acme", None)
