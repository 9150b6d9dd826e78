"""One sandbox and one egress for each file of tests, cleaned between tests."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from egress_support import Policy, World, egress_world


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
