"""Every example of the docs is what the API server takes, from the people that it names."""

from pathlib import Path

import pytest
import yaml

from environment import Environment
from environment.places import ALICE, CAROL, TEAM
from environment.team import Team

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
OF_AN_EXISTING_SESSION = {"approve.yaml", "revoke.yaml"}
"""The other tests do what these show: each changes a session that must be there."""


@pytest.mark.parametrize("name", sorted({each.name for each in EXAMPLES.glob("*.yaml")} - OF_AN_EXISTING_SESSION))
def test_the_example_is_accepted(environment: Environment, team: Team, name: str) -> None:
    team.allow("for-people.yaml")
    team.lend("for-people.yaml", user=CAROL)
    for document in yaml.safe_load_all((EXAMPLES / name).read_text()):
        if document["apiVersion"].startswith("rbac"):
            continue
        binding = document["kind"] == "ProviderBinding"
        if not binding:
            # Another test may have made it.
            document["metadata"] = {"generateName": "example-", "namespace": document["metadata"]["namespace"]}
        for_all = binding and "fromSession" in document["spec"]["connection"]
        command = ("apply", "--server-side", "--force-conflicts") if binding else ("create",)
        environment.cluster.run_kubectl(
            *command, "--dry-run=server", "-f", "-", user=CAROL if for_all else ALICE, stdin=yaml.safe_dump(document)
        )


def test_who_applied_a_request_approves_and_revokes_it(environment: Environment, team: Team) -> None:
    kubectl, apply = environment.cluster.run_kubectl, ("apply", "--server-side", "-f", "-")
    kubectl(*apply, user=ALICE, stdin=(EXAMPLES / "request.yaml").read_text())
    team.approve("quarterly-numbers")
    command = ("apply", "--server-side", "--field-manager=revoker", "-f", str(EXAMPLES / "revoke.yaml"))
    kubectl(*command, user=ALICE)
    team.status("quarterly-numbers", "Revoked")
    kubectl("delete", "agentsession", "quarterly-numbers", namespace=TEAM)
