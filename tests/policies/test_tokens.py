"""Tokens that prove which pod a caller is are issued to kubelets only (policy `tokens`)."""

import pytest

from policies.stage import ADMIN, AGENT, BOB, OPERATOR, Answer, Stage, check

pytestmark = pytest.mark.apiserver

KUBELETS_ONLY = "tokens for this audience are issued to kubelets only"

MINTING = [
    ("a person, for the operator", BOB, ["pipes-operator"], KUBELETS_ONLY),
    ("a person, for the broker", BOB, ["pipes-broker"], KUBELETS_ONLY),
    ("a person, for a gateway", BOB, ["pipes-gateway"], KUBELETS_ONLY),
    ("a person, hidden behind another", BOB, ["other", "pipes-operator"], KUBELETS_ONLY),
    ("an admin", ADMIN, ["pipes-operator"], KUBELETS_ONLY),
    ("a person, for something else", BOB, ["other"], None),
    ("a person, for the API server", BOB, [], None),
    ("a person, for what is only named alike", BOB, ["pipes-operator2"], None),
]


@pytest.mark.parametrize(("what", "who", "audiences", "refused"), MINTING, ids=[row[0] for row in MINTING])
def test_who_gets_a_token(stage: Stage, what: str, who: str, audiences: list[str], refused: str | None) -> None:
    check(mint(stage, who, audiences), refused)


def test_the_kubelet_gets_its_pods_tokens(stage: Stage) -> None:
    name = f"pod-{stage.name()}"
    stage.cluster.create_pod(stage.namespace, name, AGENT)
    for audience in ("pipes-operator", "pipes-broker", "pipes-gateway"):
        assert stage.cluster.pod_token(stage.namespace, name, audience)


def test_the_operator_cannot_mint_tokens_at_all(stage: Stage) -> None:
    check(mint(stage, OPERATOR, ["other"]), "cannot create resource")


def mint(stage: Stage, who: str, audiences: list[str]) -> Answer:
    spec = {"audiences": audiences} if audiences else {}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return stage.call(who, "POST", f"/api/v1/namespaces/{stage.namespace}/serviceaccounts/{AGENT}/token", request)
