"""Sessions and pods, told by the pods' own streams: claims, images, and pods that go."""

import contextlib
import json
import ssl
import threading
import urllib.request

import pytest

pytestmark = pytest.mark.apiserver


class Streams:
    """Opens the stream of a pod as its gateway would."""

    def __init__(self, bed, operator):
        self.bed = bed
        self.url = f"https://127.0.0.1:{operator.settings['port']}/v1/watch"
        self.tls = ssl.create_default_context(cafile=operator.settings["caBundleFile"])

    @contextlib.contextmanager
    def open(self, namespace, pod):
        token = self.bed.cluster.pod_token(namespace, pod, "pipes-operator")
        request = urllib.request.Request(self.url, headers={"Authorization": f"Bearer {token}"})
        answer = urllib.request.urlopen(request, timeout=60, context=self.tls)
        lines = []
        first = threading.Event()

        def read():
            with contextlib.suppress(OSError, ValueError, AttributeError):
                for line in answer:
                    lines.append(json.loads(line))
                    first.set()

        threading.Thread(target=read, daemon=True).start()
        assert first.wait(10)
        try:
            yield lines
        finally:
            # `close` waits for the reader; cutting the connection does not.
            with contextlib.suppress(OSError):
                answer.fp.raw._sock.shutdown(2)


@pytest.fixture
def streams(bed, own_operator):
    operator = own_operator(port=bed.free_port(), caBundleFile=str(bed.folder / "ca.pem"), relistSeconds=1)
    return Streams(bed, operator)


@pytest.fixture
def team(bed, streams):
    made = bed.team()
    made.bind()
    made.ready()
    return made


def bound(session):
    return session.get("status", {}).get("boundPod")


def test_a_session_without_a_pod_goes_to_the_pod_that_is_connected_longest(team, bed, streams):
    for name in ("first", "second"):
        bed.cluster.create_pod(team.namespace, name, "agent", image=f"registry.example/{name}:1")
    with streams.open(team.namespace, "first"), streams.open(team.namespace, "second"):
        team.active()

        session = team.session_until("s1", lambda each: (bound(each) or {}).get("image"))

    assert bound(session)["name"] == "first"
    assert bound(session)["image"] == "registry.example/first:1"


def test_an_unbound_session_is_claimed_by_the_first_pod_that_connects_and_by_no_other(team, bed, streams):
    team.active()
    assert bound(team.session()) is None
    for name in ("first", "second", "stranger"):
        bed.cluster.create_pod(team.namespace, name, "other" if name == "stranger" else "agent")
    with streams.open(team.namespace, "stranger"), streams.open(team.namespace, "first"):
        session = team.session_until("s1", bound)
        with streams.open(team.namespace, "second"):
            pass

    assert bound(session)["name"] == "first"
    assert bound(team.session())["name"] == "first"


def test_a_person_sees_the_pod_and_its_image_before_deciding(team, bed, streams):
    pod = bed.cluster.create_pod(team.namespace, "agent-0", "agent", image="registry.example/agent:7")
    with streams.open(team.namespace, "agent-0"):
        team.ask(agent={"serviceAccountName": "agent", "podUID": pod["metadata"]["uid"]})

        session = team.session_until(
            "s1", lambda each: any("agent:7" in line for line in each.get("status", {}).get("summary", ()))
        )

    assert any("agent-0" in line for line in session["status"]["summary"])


@pytest.mark.parametrize("active", [False, True], ids=["while it waits for a person", "while active"])
def test_a_pod_that_is_gone_takes_its_session_with_it(team, bed, streams, active):
    pod = bed.cluster.create_pod(team.namespace, "agent-0", "agent")
    with streams.open(team.namespace, "agent-0"):
        team.ask(agent={"serviceAccountName": "agent", "podUID": pod["metadata"]["uid"]})
        team.session_until("s1", bound)
        if active:
            team.approve()
            team.session_until("s1", lambda each: each["status"]["state"] == "Active" and bound(each))
        bed.cluster.delete_pod(team.namespace, "agent-0")

    assert team.state("s1", "PodGone")["status"]["endedAt"]


def test_another_pod_of_the_same_name_is_another_pod(team, bed, streams):
    bed.cluster.create_pod(team.namespace, "agent-0", "agent")
    with streams.open(team.namespace, "agent-0"):
        team.active()
        team.session_until("s1", bound)
        bed.cluster.delete_pod(team.namespace, "agent-0")
        bed.cluster.create_pod(team.namespace, "agent-0", "agent")

    team.state("s1", "PodGone")


def test_a_pod_whose_stream_is_cut_keeps_its_session(team, bed, streams):
    bed.cluster.create_pod(team.namespace, "agent-0", "agent")
    with streams.open(team.namespace, "agent-0"):
        team.active()
        team.session_until("s1", bound)
    with streams.open(team.namespace, "agent-0") as lines:
        snapshot = lines[0]

    (session,) = [each for each in snapshot["sessions"] if each["name"] == "s1"]
    assert session["live"]
    assert team.session()["status"]["state"] == "Active"


def test_a_shared_session_survives_its_pods(team, bed, streams):
    bed.cluster.create_pod(team.namespace, "agent-0", "agent")
    with streams.open(team.namespace, "agent-0"):
        team.active(agent={"serviceAccountName": "agent", "shared": True})
        bed.cluster.delete_pod(team.namespace, "agent-0")
    bed.cluster.create_pod(team.namespace, "agent-1", "agent")
    with streams.open(team.namespace, "agent-1") as lines:
        assert [each["name"] for each in lines[0]["sessions"] if each["live"]] == ["s1"]
