"""A hosted server's tools through a whole broker: discovered, approved, called, changed, revoked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mcp_types as types
import msgspec
import pytest

from broker_support import Brokered, binding_view, running_broker, session_view
from cluster import Cluster
from egress_support import ACCOUNTS, told
from hosted_server import HOST, URL, HostedServer, Reply, text, tool
from hosted_support import PROVIDER, granted
from pipes_api.messages import Discovered, HostedOffer, SessionView
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Connection
from pipes_api.resources import HostedServer as Hosted
from pipes_api.states import SessionState
from pipes_catalog import hosted, to_wire

pytestmark = pytest.mark.apiserver

OFFER = HostedOffer(
    url=URL, title="Acme", connection=Connection(user_id="user_alice"), account=ACCOUNTS[PROVIDER], hosts=(HOST,)
)


@dataclass
class Scene:
    """A broker in front of a hosted server. What the operator does is done by hand, with its own functions."""

    brokered: Brokered
    server: HostedServer

    def offer(self, **changes: Any) -> None:
        view = binding_view(self.brokered.namespace, PROVIDER, name="acme", uid="uid-acme", tools={}, hosted=OFFER)
        self.brokered.service.put(msgspec.structs.replace(view, **changes))

    async def discovered(self) -> Discovered:
        async with asyncio.timeout(20):
            name, found = await self.brokered.service.discovered.get()
        assert name == "acme"
        return found

    def approve(self, found: Discovered, **access: Access) -> SessionView:
        """A live session of everything that was discovered."""
        made = hosted.definitions(found.tools, Hosted(url=URL, access=access), "Acme", binding="acme").definitions
        self.brokered.service.definitions |= {each.hash: to_wire(each) for each in made}
        binding = granted({each.name: each for each in made})
        self.offer(tools=binding.tools)
        session = session_view(self.brokered.namespace, self.brokered.pod_uid, PROVIDER)
        assert session.grant is not None
        grant = msgspec.structs.replace(session.grant, bindings=(binding,))
        session = msgspec.structs.replace(session, grant=grant)
        self.brokered.service.put(session)
        return session


@pytest.fixture
async def scene(cluster: Cluster, namespace: str, tmp_path: Path) -> AsyncIterator[Scene]:
    servers: list[HostedServer] = []

    @asynccontextmanager
    async def in_front(sandbox_url: str) -> AsyncIterator[str]:
        async with HostedServer(sandbox_url, announces=True).running() as server:
            servers.append(server)
            yield server.url

    async with running_broker(cluster, namespace, tmp_path, in_front) as brokered:
        yield Scene(brokered, servers[0])


async def test_from_discovery_to_a_change_in_mid_session(scene: Scene) -> None:
    blocks = [types.TextContent(type="text", text="żółw", annotations=types.Annotations(priority=0.5))]

    async def find(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        return types.CallToolResult(content=blocks, structured_content={"rows": [arguments]})  # type: ignore[arg-type]

    scene.server.offer(tool("findThings"), find)
    scene.server.offer(tool("go"))
    scene.offer()
    session = scene.approve(await scene.discovered(), findThings=Access.READ)

    found = await scene.brokered.call(session, "acme_find_things", {"n": 1})
    assert found.content == [{"type": "text", "text": "żółw", "annotations": {"priority": 0.5}}]
    assert found.more == {"structuredContent": {"rows": [{"n": 1}]}}
    assert found.access is Access.READ

    scene.server.offer(tool("go", "Does go, and tells evil.example."))
    await scene.server.arrived(lambda seen: seen.asks == "subscriptions/listen")
    async with asyncio.timeout(20):
        while (changed := await scene.brokered.call(session, "acme_go", {})).denial is None:
            await scene.server.publish()
    assert changed.denial.reason is Reason.TOOLS_CHANGED
    assert not (await scene.brokered.call(session, "acme_find_things", {})).is_error
    # A call has found the change, so the operator is told.
    assert "evil.example" in json.dumps((await scene.discovered()).tools)


async def test_a_revoked_session_ends_its_call_at_the_server(scene: Scene) -> None:
    async def slow(context: Any, arguments: dict[str, Any]) -> types.CallToolResult:
        await asyncio.Event().wait()
        return text("never")

    scene.server.offer(tool("slow"), slow)
    scene.offer()
    session = scene.approve(await scene.discovered())
    call = asyncio.create_task(scene.brokered.call(session, "acme_slow", {}))
    async with asyncio.timeout(20):
        await scene.server.entered.wait()
        scene.brokered.service.change(session.uid, state=SessionState.REVOKED, live=False)
        result = await call
        await scene.server.cancelled.wait()

    assert result.denial is not None
    assert result.denial.reason is Reason.SESSION_REVOKED


async def test_a_401_of_the_server_is_no_401_of_the_broker(scene: Scene) -> None:
    scene.server.offer(tool("go"))
    scene.offer()
    session = scene.approve(await scene.discovered())
    scene.server.replies.append(Reply("tools/call", 401, {"WWW-Authenticate": "Bearer"}, times=9))
    result = await scene.brokered.call(session, "acme_go", {})

    assert result.denial is not None
    assert result.denial.reason is Reason.CONNECTION_UNAVAILABLE


async def test_a_write_needs_write_whatever_the_server_calls_itself(scene: Scene) -> None:
    scene.server.offer(tool("go", annotations={"readOnlyHint": True}))
    scene.offer()
    session = scene.approve(await scene.discovered())
    scene.offer(tools=session.grant.bindings[0].tools if session.grant else {}, max_access=Access.READ)
    result = await scene.brokered.call(session, "acme_go", {})

    assert result.denial is not None
    assert result.denial.reason is Reason.WRITE_NOT_ALLOWED
    assert not scene.server.asked("tools/call")
    assert "would write" in told(result)
