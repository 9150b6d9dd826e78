"""Egress in front of a hosted MCP server: what tests of hosted tools share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from egress_support import ACCOUNTS, API_KEY, Policy, grant
from hosted_server import HOST, URL, HostedServer, tool
from pipes_api.grant import GrantedBinding
from pipes_api.resources import Access, Connection
from pipes_api.resources import HostedServer as Hosted
from pipes_catalog import ToolDefinition, advertised, hosted
from pipes_egress.call import ToolRequest, ToolResult
from pipes_egress.egress import Egress
from pipes_egress.settings import EgressSettings

PROVIDER = "salesforce"
"""The provider whose account in the sandbox is connected; the hosted server is taken for its own."""


def definitions(server: HostedServer, **access: Access) -> dict[str, ToolDefinition]:
    """What is approved, by the tool's name at the server."""
    made = hosted.definitions(server.tools, Hosted(url=URL, access=access), "Acme", binding="acme").definitions
    return {each.remote.tool: each for each in made if each.remote is not None}


def granted(approved: dict[str, ToolDefinition], **changes: Any) -> GrantedBinding:
    binding = GrantedBinding(
        name="acme",
        uid="uid-acme",
        provider=PROVIDER,
        catalog="",
        connection=Connection(user_id="user_alice"),
        account=ACCOUNTS[PROVIDER],
        access=Access.WRITE,
        tools={advertised("acme", each.name): each.hash for each in approved.values()},
        hosts=(HOST,),
    )
    return msgspec.structs.replace(binding, **changes)


@dataclass
class HostedWorld:
    """A hosted server, egress, and a policy that allows everything until told otherwise."""

    server: HostedServer
    egress: Egress
    settings: EgressSettings
    policy: Policy = field(default_factory=Policy)
    approved: dict[str, ToolDefinition] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)

    def approve(self, **access: Access) -> None:
        """What the server offers now is what a person approved."""
        self.access = access
        self.approved = definitions(self.server, **access)

    def request(self, tool: str, arguments: dict[str, Any], **changes: Any) -> ToolRequest:
        binding = changes.pop("granted", None) or granted(self.approved)
        made = ToolRequest(
            grant=grant(binding, changes.pop("uid", "session-1")),
            granted=binding,
            definition=self.approved[tool],
            arguments=arguments,
            check=self.policy,
            session="analyst-1",
        )
        return replace(made, **changes)

    async def call(self, tool: str, /, arguments: dict[str, Any] | None = None, **changes: Any) -> ToolResult:
        if tool not in self.approved:
            self.approve(**self.access)
        return await self.egress.execute(self.request(tool, arguments or {}, **changes))


@asynccontextmanager
async def hosted_world(directory: Path, server: HostedServer, **settings: Any) -> AsyncIterator[HostedWorld]:
    """Egress that knows nothing of the server yet."""
    server.reset()
    key = directory / "workos-key"
    key.write_text(API_KEY + "\n")
    configured = EgressSettings(sandbox=server.url, workos_key_file=key, **settings)
    async with Egress(configured) as egress:
        yield HostedWorld(server, egress, configured)


async def opened(hosted: HostedWorld, access: Access = Access.WRITE) -> None:
    """A server with the tool `go`, which has been called once; nothing is seen of it."""
    hosted.server.offer(tool("go"))
    hosted.approve(go=access)
    assert not (await hosted.call("go")).is_error
    hosted.server.seen.clear()


def called(hosted: HostedWorld) -> int:
    """How many calls of tools have reached the server."""
    return len(hosted.server.asked("tools/call"))
