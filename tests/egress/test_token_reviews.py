"""What a TokenReview must say before it proves a pod."""

from typing import Any

import pytest
from kubernetes.aio.client import V1TokenReviewStatus, V1UserInfo

from pipes_api.names import BROKER_AUDIENCE
from pipes_egress.broker.reviews import NotReviewed, Pod, TokenReviews, _pod

EXTRA = {"authentication.kubernetes.io/pod-uid": ["pod-1"]}
ANALYST = "system:serviceaccount:team-a:analyst"


def status(**changes: Any) -> V1TokenReviewStatus:
    user = V1UserInfo(username=changes.pop("username", ANALYST), extra=changes.pop("extra", EXTRA))
    return V1TokenReviewStatus(**{"authenticated": True, "audiences": [BROKER_AUDIENCE], "user": user, **changes})


def test_a_pods_token_proves_the_pod() -> None:
    assert _pod(status()) == Pod("team-a", "analyst", "pod-1")


@pytest.mark.parametrize(
    "changes",
    [
        {"authenticated": False},
        {"authenticated": None},
        {"audiences": None},
        {"audiences": ["https://kubernetes.default.svc"]},
        {"username": "alice@example.com"},
        {"username": "system:node:node1"},
        {"username": "system:serviceaccount:team-a"},
        {"extra": None},
        {"extra": {"authentication.kubernetes.io/pod-uid": ["pod-1", "pod-2"]}},
        {"extra": {"authentication.kubernetes.io/pod-uid": [""]}},
    ],
)
def test_anything_less_proves_nobody(changes: dict[str, Any]) -> None:
    with pytest.raises(NotReviewed):
        _pod(status(**changes))


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer a.b", "Bearer \u00e9.a.b", "Bearer a.b.c"]
)
async def test_what_is_no_token_is_not_sent_to_the_api_server(header: str) -> None:
    with pytest.raises(NotReviewed) as refusal:
        await TokenReviews(None).pod_of(header)
    assert not refusal.value.unavailable
