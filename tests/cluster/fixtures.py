"""pytest fixtures over a control plane; `tests/conftest.py` brings them to every test."""

from collections.abc import Iterator

import pytest

from . import product
from .build import is_built
from .cluster import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A plain control plane that the tests of this run share: use a namespace of your own."""
    with _started() as started:
        yield started


@pytest.fixture(scope="session")
def pipes_cluster() -> Iterator[Cluster]:
    """A second one with the product's CRDs, policies (stamping included) and roles in force, and no operator."""
    with _started() as started:
        product.install(started)
        yield started


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    """A fresh namespace on the control plane that the test uses, `pipes_cluster` when it uses that one."""
    name = "pipes_cluster" if "pipes_cluster" in request.fixturenames else "cluster"
    used: Cluster = request.getfixturevalue(name)
    return used.new_namespace()


def _started() -> Cluster:
    if not is_built():
        # Not built here: it takes minutes, and a test's time limit would cut it off in the middle.
        pytest.fail("the control plane is not built: run `make cluster-build` once (about 10 minutes)", pytrace=False)
    return Cluster.start()
