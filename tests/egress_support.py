"""Egress against a running sandbox: what tests of egress and broker share."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

import pipes_catalog
from pipes_api.grant import Grant, GrantedBinding
from pipes_api.resources import Access, Agent, Connection
from pipes_catalog import ToolDefinition, advertised
from pipes_egress.call import ToolRequest, ToolResult
from pipes_egress.egress import Egress
from pipes_egress.settings import EgressSettings
from pipes_policy.call import Denial
from pipes_sandbox.server import running
from pipes_sandbox.settings import Settings

API_KEY = "sk_test_canary_0123456789"
ADMIN_TOKEN = "admin-token"
CATALOGS = pipes_catalog.load()
ACCOUNTS = {
    "github": "data_installation_github_alice",
    "linear": "data_installation_linear_alice",
    "atlassian": "data_installation_atlassian_alice",
    "snowflake": "data_installation_snowflake_alice",
    "google-drive": "data_installation_drive_alice",
    "google-calendar": "data_installation_calendar_alice",
    "gmail": "data_installation_gmail_alice",
    "salesforce": "data_installation_salesforce_alice",
    "hubspot": "data_installation_hubspot_alice",
    "notion": "data_installation_notion_alice",
    "slack": "data_installation_slack_alice",
}


def definition(provider: str, tool: str) -> ToolDefinition:
    return CATALOGS.by_provider[provider].tools[tool]


def granted(provider: str, access: Access = Access.WRITE, **changes: Any) -> GrantedBinding:
    tools = {advertised(provider, each.name): each.hash for each in CATALOGS.tools(provider)}
    binding = GrantedBinding(
        name=provider,
        uid=f"uid-{provider}",
        provider=provider,
        catalog=provider,
        connection=Connection(user_id="user_alice"),
        account=ACCOUNTS.get(provider, ""),
        access=access,
        tools=tools,
        hosts=CATALOGS.hosts(provider),
    )
    return msgspec.structs.replace(binding, **changes)


def grant(binding: GrantedBinding, session: str = "session-1") -> Grant:
    agent = Agent(service_account_name="analyst", pod_uid="pod-1")
    return Grant(uid=session, agent=agent, duration=900, reason="test", bindings=(binding,))


@dataclass
class Policy:
    """A policy chain for tests: Write is allowed or not, and `denial` denies everything from the moment it is set."""

    write: bool = True
    denial: Denial | None = None
    asked: list[tuple[Access | None, bool]] = field(default_factory=list)

    def __call__(self, needs: Access | None, reserved: bool) -> Denial | None:
        from pipes_api.reasons import Reason

        self.asked.append((needs, reserved))
        if needs is Access.WRITE and not self.write:
            return Denial(
                reason=Reason.WRITE_NOT_ALLOWED, message="it would write", remedy="Ask for Write.", session="s"
            )
        return self.denial


class Sandbox:
    """A running sandbox's record, faults and state."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url = url
        self._http = http

    async def calls(self, **query: Any) -> list[dict[str, Any]]:
        return (await self._json("GET", "/calls", params=query))["calls"]

    async def wait_for(self, found: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first recorded call that fits, waiting for it to arrive."""
        since = 0
        while True:
            answer = await self._json("GET", "/calls", params={"since": since, "wait": 5})
            for each in answer["calls"]:
                if found(each):
                    return each
            since = answer["last_seq"]

    async def fault(self, **fault: Any) -> None:
        await self._json("POST", "/faults", json=fault)

    async def clear(self) -> None:
        await self._json("DELETE", "/faults")

    async def forget_calls(self) -> None:
        await self._json("DELETE", "/calls")

    async def change_account(self, account: str, **changes: Any) -> None:
        await self._json("PATCH", f"/accounts/{account}", json=changes)

    async def end_tokens(self, **what: Any) -> None:
        await self._json("POST", "/tokens/end", json=what)

    async def state(self) -> dict[str, Any]:
        return await self._json("GET", "/state")

    async def pipes(self, method: str, path: str, **options: Any) -> Any:
        """A request of Pipes' own API, with the API key."""
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with self._http.request(method, self.url + path, headers=headers, **options) as response:
            assert response.status < 300, await response.text()
            return await response.json() if response.status != 204 else None

    async def reset(self) -> None:
        """Everything as the seed says."""
        await self._json("POST", "/reset")

    async def _json(self, method: str, path: str, **options: Any) -> Any:
        async with self._http.request(method, f"{self.url}/_sandbox{path}", **options) as response:
            assert response.status < 300, await response.text()
            return await response.json() if response.status != 204 else None


@dataclass
class World:
    """Egress and the sandbox it talks to."""

    egress: Egress
    sandbox: Sandbox
    settings: EgressSettings
    policy: Policy = field(default_factory=Policy)

    def request(
        self, provider: str, tool: str, arguments: dict[str, Any], *, session: str = "session-1", **changes: Any
    ) -> ToolRequest:
        binding = changes.pop("granted", None) or granted(provider)
        made = ToolRequest(
            grant=grant(binding, session),
            granted=binding,
            definition=definition(provider, tool),
            arguments=arguments,
            check=self.policy,
            session=changes.pop("session_name", ""),
        )
        return replace(made, **changes)

    async def call(self, provider: str, tool: str, arguments: dict[str, Any], **options: Any) -> ToolResult:
        return await self.egress.execute(self.request(provider, tool, arguments, **options))


@asynccontextmanager
async def egress_world(
    directory: Path, sandbox_settings: Settings | None = None, **settings: Any
) -> AsyncIterator[World]:
    """A sandbox on a free port, and egress that sends everything there."""
    made = sandbox_settings or Settings(port=0, api_key=API_KEY, admin_token=ADMIN_TOKEN)
    key = directory / "workos-key"
    key.write_text(API_KEY + "\n")
    async with running(made) as endpoints:
        configured = EgressSettings(sandbox=endpoints.url, workos_key_file=key, **settings)
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as http, Egress(configured) as egress:
            yield World(egress, Sandbox(endpoints.url, http), configured)


def data(result: ToolResult) -> Any:
    """The JSON of the first content block."""
    assert not result.is_error, result.content
    return msgspec.json.decode(result.content[0]["text"])


def told(result: ToolResult) -> str:
    """Everything the agent reads, in one text."""
    return " ".join(block.get("text", "") for block in result.content)


async def turn() -> None:
    """Let other tasks of the loop run once."""
    await asyncio.sleep(0)
