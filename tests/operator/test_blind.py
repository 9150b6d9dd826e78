"""Watches that go silent without an error (a connection that is dropped somewhere on the way)."""

import contextlib
import socket
import threading
import time

import pytest
import yaml

pytestmark = pytest.mark.apiserver


class Proxy:
    """TCP between operator and API server; `freeze` has every open connection carry nothing any more."""

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs = []
        self._open = threading.Event()
        self._open.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self):
        """Bytes of connections that are open now go nowhere; new connections work."""
        for frozen in self._pairs:
            frozen.set()
        self._pairs = []

    def close(self):
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                frozen = threading.Event()
                self._pairs.append(frozen)
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other, frozen), daemon=True).start()

    @staticmethod
    def _carry(one, other, frozen):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not frozen.is_set():
                    other.sendall(data)
            other.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxied(bed, own_operator):
    config = yaml.safe_load(bed.kubeconfig.read_text())
    server = config["clusters"][0]["cluster"]
    proxy = Proxy(int(server["server"].rsplit(":", 1)[1]))
    server["server"] = f"https://127.0.0.1:{proxy.port}"
    kubeconfig = bed.folder / "proxied.kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    yield proxy, own_operator(kubeconfig=str(kubeconfig), leaseSeconds=60, leadershipSeconds=60)
    proxy.close()


@pytest.mark.timeout(180)
def test_a_silent_watch_turns_readiness_red_and_heals_without_a_restart(bed, proxied):
    proxy, operator = proxied
    team = bed.team()
    team.bind()
    team.ready()
    team.active()
    team.ask("s2", agent={"serviceAccountName": "other"})
    team.state("s2", "AwaitingApproval")

    proxy.freeze()
    started = time.monotonic()
    team.revoke()
    team.approve("s2")

    while operator.is_ready():
        assert time.monotonic() - started < 20
        time.sleep(0.1)
    team.state("s1", "Revoked", 60)
    team.state("s2", "Active", 60)
    operator.await_ready(30)
    assert operator.process.poll() is None
