"""Stages for the policy tests: the same table runs on a server that stamps names and on one that does not."""

from collections.abc import Iterator

import pytest

from cluster import Cluster, product
from policies.stage import Stage


@pytest.fixture(scope="session")
def unstamped_cluster() -> Iterator[Cluster]:
    """As a server before 1.36, which has no MutatingAdmissionPolicy."""
    with Cluster.start() as started:
        product.install(started, stamping=False)
        yield started


@pytest.fixture(scope="session", params=["stamped", "unstamped"])
def stage(request: pytest.FixtureRequest) -> Stage:
    stamping = request.param == "stamped"
    cluster: Cluster = request.getfixturevalue("pipes_cluster" if stamping else "unstamped_cluster")
    return Stage(cluster, stamping=stamping)


@pytest.fixture(scope="session")
def stamped(pipes_cluster: Cluster) -> Stage:
    return Stage(pipes_cluster, stamping=True)


@pytest.fixture(scope="session")
def unstamped(unstamped_cluster: Cluster) -> Stage:
    return Stage(unstamped_cluster, stamping=False)
