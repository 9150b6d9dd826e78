"""One sandbox and one egress for each file of tests, cleaned between tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from egress_support import ADMIN_TOKEN, API_KEY, Policy, World, egress_world
from hosted_server import ERAS, HostedServer
from hosted_support import HostedWorld, hosted_world
from pipes_sandbox.server import running
from pipes_sandbox.settings import Settings


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with egress_world(tmp_path_factory.mktemp("egress")) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared_world: World) -> AsyncIterator[World]:
    """Egress with an empty record, no faults, no vended credentials, and a policy that allows everything."""
    await shared_world.sandbox.clear()
    await shared_world.sandbox.forget_calls()
    shared_world.policy = Policy()
    shared_world.egress.drop("session-1")
    yield shared_world
    await shared_world.sandbox.clear()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox_url() -> AsyncIterator[str]:
    """A sandbox that plays Pipes for tests whose provider is elsewhere."""
    async with running(Settings(port=0, api_key=API_KEY, admin_token=ADMIN_TOKEN)) as endpoints:
        yield endpoints.url


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ERAS)
async def hosted_server(request: pytest.FixtureRequest, sandbox_url: str) -> AsyncIterator[HostedServer]:
    """A provider's own MCP server for each revision of the protocol."""
    async with HostedServer(sandbox_url, request.param).running() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def hosted(hosted_server: HostedServer, tmp_path: Path) -> AsyncIterator[HostedWorld]:
    """Egress that knows nothing yet, and a hosted server that offers nothing yet."""
    async with hosted_world(tmp_path, hosted_server) as world:
        yield world
