"""One whole environment for the end-to-end tests; those that break it start their own."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from environment import Environment
from environment.approver import Approver
from environment.observer import Observer
from environment.places import ALICE


@pytest.fixture(scope="session")
def environment() -> Iterator[Environment]:
    """Everything, on loopback, from an empty store."""
    with Environment.start() as started:
        yield started


@pytest.fixture
def observer(environment: Environment) -> Observer:
    """The sandbox's own record of what reached the providers."""
    return Observer(environment.sandbox_url, environment.sandbox_admin_token)


@pytest_asyncio.fixture
async def alice(environment: Environment) -> AsyncIterator[Approver]:
    """The approver, with a plain HTTP client."""
    async with Approver(environment.cluster.url, environment.cluster.kubeconfig(ALICE)) as approver:
        yield approver
