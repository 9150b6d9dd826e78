"""pytest fixtures over a control plane; `tests/conftest.py` brings them to every test."""

import secrets
from collections.abc import Iterator

import pytest

from .build import is_built
from .cluster import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A plain control plane that the tests of this run share: use a namespace of your own."""
    if not is_built():
        # Not built here: it takes minutes, and a test's time limit would cut it off in the middle.
        pytest.fail("the control plane is not built: run `make cluster-build` once (about 10 minutes)", pytrace=False)
    with Cluster.start() as started:
        yield started


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A fresh namespace on `cluster`; it is not deleted, since no controller would finish that."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.create_namespace(name)
    return name
