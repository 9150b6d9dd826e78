"""The two daemons of a control plane: their flags, their start and their readiness."""

import socket
import time
from pathlib import Path

import urllib3

from .api import ApiClient
from .errors import ClusterError
from .processes import Process

ISSUER = "https://kubernetes.default.svc.cluster.local"
_READY_WITHIN = 60.0


def reserve_port() -> socket.socket:
    """A loopback port that stays taken for others while the socket is open; the API server binds beside it."""
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reservation.bind(("127.0.0.1", 0))
    return reservation


def start_etcd(etcd: Process, programs: Path) -> None:
    # Unix sockets in the private run folder: no port to find, and nobody else on the machine can reach the store.
    # They are relative to the working directory because a socket's path may not be longer than 107 bytes.
    client, peer = "unix://etcd.sock", "unix://etcd-peer.sock"
    etcd.start(
        [
            programs / "etcd",
            "--name=test",
            "--data-dir=etcd",
            "--unsafe-no-fsync",
            "--log-level=warn",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=test={peer}",
        ]
    )


def start_apiserver(apiserver: Process, programs: Path, port: int) -> None:
    apiserver.start(
        [
            programs / "kube-apiserver",
            "--etcd-servers=unix://etcd.sock",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            "--permit-port-sharing=true",
            # A loopback address cannot be advertised to endpoints: the server refuses to start unless it need not.
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            # No controller makes ServiceAccounts' defaults here, so the plugin would refuse every Pod.
            "--disable-admission-plugins=ServiceAccount",
            "--client-ca-file=pki/ca.crt",
            "--tls-cert-file=pki/server.crt",
            "--tls-private-key-file=pki/server.key",
            f"--service-account-issuer={ISSUER}",
            "--service-account-key-file=pki/sa.pub",
            "--service-account-signing-key-file=pki/sa.key",
            "--profiling=false",
        ]
    )


def await_ready(etcd: Process, apiserver: Process, client: ApiClient) -> None:
    """Returns when /readyz says ok; raises ClusterError with the server's own last words when it cannot."""
    deadline = time.monotonic() + _READY_WITHIN
    while True:
        try:
            status, _ = client.request("GET", "/readyz", user="admin", groups=("system:masters",), timeout=2.0)
        except urllib3.exceptions.HTTPError:
            status = 0
        if status == 200:
            return
        for process in (etcd, apiserver):
            if process.pid is None:
                raise ClusterError(f"{process.name} ended while starting: {process.last_words()}. Log: {process.log}")
        if time.monotonic() > deadline:
            raise ClusterError(f"kube-apiserver was not ready within {_READY_WITHIN:.0f} s. Log: {apiserver.log}")
        time.sleep(0.05)
