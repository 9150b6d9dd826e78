"""What the environment's cluster holds: the product's own objects, a team, its people, its bindings."""

from pathlib import Path
from typing import Any

import yaml

from cluster import Cluster, product

from .places import ALICE, TEAM

_EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def example(name: str) -> list[dict[str, Any]]:
    """The documents of one of the examples that the docs show."""
    return [document for document in yaml.safe_load_all((_EXAMPLES / name).read_text()) if document]


def install(cluster: Cluster) -> None:
    """CRDs, policies, roles and the operator's own objects, as the chart would install them; and the team."""
    product.install(cluster)
    cluster.create_namespace(TEAM)
    cluster.apply(*example("roles.yaml"))


def connect(cluster: Cluster) -> None:
    """Alice makes her three connections available to the team."""
    cluster.apply(*example("providerbindings.yaml"), user=ALICE)


def binding_names() -> list[str]:
    return [document["metadata"]["name"] for document in example("providerbindings.yaml")]
