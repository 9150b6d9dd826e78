"""One whole environment for the end-to-end tests; those that break it start their own."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from environment import Environment
from environment.approver import Approver
from environment.environment import Gateway
from environment.observer import Observer
from environment.places import ALICE
from environment.team import Team

ALLOWED_HOSTS = {"hubspot": ["api.hubapi.com"], "salesforce": ["mcp.acme.example"]}
"""As in the chart's values: what docs/examples reach beyond their catalogs."""


@pytest.fixture(scope="session")
def environment() -> Iterator[Environment]:
    """Everything, on loopback, from an empty store."""
    with Environment.start(operator={"connectionCheckSeconds": 1}, allowed_hosts=ALLOWED_HOSTS) as started:
        yield started


@pytest.fixture(scope="session")
def team(environment: Environment) -> Team:
    """The people of its team."""
    return Team(environment)


@pytest.fixture
def new_pod(environment: Environment) -> Iterator[Callable[..., Gateway]]:
    """Starts a pod of the agent with a gateway of its own, so that no other test's session is in the way."""
    started: list[Gateway] = []

    def start(name: str, **settings: object) -> Gateway:
        started.append(environment.add_gateway(name, **settings))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for each in started:
        each.program.stop()


@pytest.fixture
def observer(environment: Environment) -> Observer:
    """The sandbox's own record of what reached the providers."""
    return Observer(environment.sandbox_url, environment.sandbox_admin_token)


@pytest_asyncio.fixture
async def alice(environment: Environment) -> AsyncIterator[Approver]:
    """The approver, with a plain HTTP client."""
    async with Approver(environment.cluster.url, environment.cluster.kubeconfig(ALICE)) as approver:
        yield approver
