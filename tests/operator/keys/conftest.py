"""The operator's own access to a real API server."""

from collections.abc import AsyncIterator

import pytest

from cluster import Cluster
from pipes_operator.kube import access
from pipes_operator.kube.client import KubeClient


@pytest.fixture
async def kube(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient(await access.load(cluster.kubeconfig("admin"))) as client:
        yield client
