"""Which pods are connected, and word of those that came and went."""

from pipes_api.messages import Identity
from pipes_operator.presence import Connections, PodEvent
from pipes_operator.service.connections import OpenConnections


def pod(uid: str, account: str = "analyst", namespace: str = "team-a") -> Identity:
    return Identity(role="gateway", namespace=namespace, service_account=account, pod_uid=uid, pod_name=f"pod-{uid}")


def heard(connections: OpenConnections) -> list[tuple[str, str]]:
    events: list[tuple[str, str]] = []
    as_the_operator_knows_it: Connections = connections
    as_the_operator_knows_it.listen(lambda event: events.append((event.kind, event.pod.uid)))
    return events


def test_the_longest_connected_pod_of_an_account_is_found() -> None:
    connections = OpenConnections()
    connections.opened(pod("b"), 1.0)
    connections.opened(pod("a"), 2.0)
    connections.opened(pod("x", "other"), 0.0)
    connections.opened(pod("y", namespace="team-b"), 0.0)
    longest = connections.longest("team-a", "analyst")
    assert longest is not None
    assert (longest.uid, longest.name) == ("b", "pod-b")
    connections.closed(pod("b"), 3.0)
    longest = connections.longest("team-a", "analyst")
    assert longest is not None
    assert longest.uid == "a"
    assert connections.longest("team-a", "nobody") is None


def test_a_pod_is_found_only_under_its_own_account_and_while_connected() -> None:
    connections = OpenConnections()
    connections.opened(pod("a"), 1.0)
    assert connections.find("team-a", "analyst", "a") is not None
    assert connections.find("team-a", "other", "a") is None
    assert connections.find("team-b", "analyst", "a") is None
    connections.closed(pod("a"), 2.0)
    assert connections.find("team-a", "analyst", "a") is None


def test_a_pod_is_lost_only_after_the_grace_and_once() -> None:
    connections = OpenConnections()
    events = heard(connections)
    connections.opened(pod("a"), 0.0)
    connections.closed(pod("a"), 10.0)
    connections.sweep(24.9, 15.0)
    assert events == [("connected", "a")]
    connections.sweep(25.0, 15.0)
    connections.sweep(60.0, 15.0)
    assert events == [("connected", "a"), ("lost", "a")]


def test_a_reconnect_within_the_grace_keeps_the_pods_place() -> None:
    connections = OpenConnections()
    events = heard(connections)
    connections.opened(pod("a"), 0.0)
    connections.opened(pod("b"), 1.0)
    connections.closed(pod("a"), 2.0)
    connections.opened(pod("a"), 5.0)
    connections.sweep(100.0, 15.0)
    assert ("lost", "a") not in events
    longest = connections.longest("team-a", "analyst")
    assert longest is not None
    assert longest.uid == "a"


def test_a_superseding_stream_leaves_the_pod_connected() -> None:
    connections = OpenConnections()
    connections.opened(pod("a"), 0.0)
    connections.opened(pod("a"), 1.0)
    connections.closed(pod("a"), 2.0)
    connections.sweep(100.0, 15.0)
    assert connections.find("team-a", "analyst", "a") is not None


def test_a_listener_that_fails_does_not_keep_the_event_from_others() -> None:
    connections = OpenConnections()

    def fail(event: PodEvent) -> None:
        raise RuntimeError

    connections.listen(fail)
    events = heard(connections)
    connections.opened(pod("a"), 0.0)
    assert events == [("connected", "a")]
