"""One control plane: started, found again, asked, disturbed and stopped."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from . import control_plane, guard, objects, run_dirs
from .api import ApiClient
from .build import PROGRAMS, build
from .errors import ClusterError
from .pki import Authority, kubeconfig, private_file
from .processes import Process
from .tokens import Mount, TokenFiles, pod_token

ADMIN = "admin"
KUBELET = f"system:node:{objects.NODE}"
_GROUPS: dict[str, tuple[str, ...]] = {ADMIN: ("system:masters",), KUBELET: ("system:nodes",)}


class Cluster:
    """etcd and kube-apiserver on loopback, with users by client certificate. Several may run at once.

    No controllers run: a deleted namespace stays Terminating, ServiceAccounts and Pods are objects only.
    People have no rights until a test binds them some. Everything lives in `run_dir`, which `stop` removes.

    url: base of the API, `https://127.0.0.1:PORT`.
    ca_file: the authority that signed the server's certificate, PEM.
    run_dir: logs (`kube-apiserver.log`, `etcd.log`), store and keys; readable by this user alone.
    kubectl: the kubectl of the same build.
    """

    def __init__(self, run_dir: Path, port: int) -> None:
        """For `start` and `attach`, which are how a cluster is had."""
        self.run_dir = run_dir
        self.url = f"https://127.0.0.1:{port}"
        self.kubectl = run_dir / "bin" / "kubectl"
        self._port = port
        self._authority = Authority(run_dir / "pki")
        self.ca_file = self._authority.ca_file
        self._etcd = Process(run_dir, "etcd")
        self._apiserver = Process(run_dir, "kube-apiserver")
        self._kubelet = Process(run_dir, "kubelet")
        self._api = ApiClient(self.url, self.ca_file, self._authority.client)
        self._kinds = objects.Kinds(self._api)
        self._token_files: TokenFiles | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._detached = True
        self._reservation: socket.socket | None = None

    # -- life ----------------------------------------------------------------------------------------------------

    @classmethod
    def start(cls, run_dir: Path | None = None, *, detach: bool = False) -> "Cluster":
        """A new control plane with an empty store, ready to answer; takes about 4 s, once it has been built.

        run_dir: where to keep it; a private folder under the system's temporary folder when absent.
        detach: it outlives this program, until `Cluster.attach(run_dir).stop()`. Otherwise it ends with this
            program, however that ends.

        Raises ClusterError with one line that says what to do.
        """
        program = build()
        try:
            return cls._start(program, run_dirs.make(run_dir), detach=detach)
        except OSError as error:
            where = error.filename or run_dir or "the temporary folder"
            raise ClusterError(f"cannot start a control plane: {where}: {error.strerror}") from error

    @classmethod
    def _start(cls, program: Path, folder: Path, *, detach: bool) -> "Cluster":
        reservation = control_plane.reserve_port()
        try:
            watcher = None if detach else _start_guard(folder)
            (folder / "bin").mkdir()
            for name in PROGRAMS:
                (folder / "bin" / name).symlink_to(program)
            Authority.create(folder / "pki")
            cluster = cls(folder, reservation.getsockname()[1])
        except BaseException:
            guard.sweep(folder)
            raise
        cluster._guard, cluster._detached, cluster._reservation = watcher, detach, reservation
        try:
            (folder / "cluster.json").write_text(json.dumps({"port": cluster._port}))
            control_plane.start_etcd(cluster._etcd, folder / "bin")
            cluster.start_apiserver()
            cluster.apply(objects.node())
        except BaseException:
            cluster.stop()
            raise
        if detach:
            reservation.close()
        return cluster

    @classmethod
    def attach(cls, run_dir: Path) -> "Cluster":
        """The detached control plane that runs out of `run_dir`; ClusterError when there is none."""
        folder = run_dir.absolute()
        try:
            port = int(json.loads((folder / "cluster.json").read_text())["port"])
        except (OSError, ValueError, KeyError):
            raise ClusterError(f"no control plane was started in {folder}") from None
        cluster = cls(folder, port)
        if cluster.apiserver_pid is None:
            raise ClusterError(f"the control plane of {folder} is not running any more: start it anew")
        return cluster

    def stop(self) -> None:
        """Ends everything and removes `run_dir`. May be called again."""
        if self._token_files:
            self._token_files.stop()
            self._token_files = None
        self._api.close()
        for process in (self._kubelet, self._apiserver, self._etcd):
            # Nothing of it is kept, so nothing needs to be shut down gracefully.
            process.kill()
        guard.sweep(self.run_dir)
        if self._guard:
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._guard.wait(30)
            self._guard = None
        if self._reservation:
            self._reservation.close()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- trouble -------------------------------------------------------------------------------------------------

    @property
    def apiserver_pid(self) -> int | None:
        """None while it does not run."""
        return self._apiserver.pid

    @property
    def etcd_pid(self) -> int | None:
        """None while it does not run."""
        return self._etcd.pid

    def pause_apiserver(self) -> None:
        """It keeps its connections and answers nothing, like a machine that hangs."""
        self._apiserver.signal(signal.SIGSTOP)

    def resume_apiserver(self) -> None:
        self._apiserver.signal(signal.SIGCONT)

    def kill_apiserver(self) -> None:
        """SIGKILL; connections are refused from then on, the store stays."""
        self._apiserver.kill()

    def start_apiserver(self) -> None:
        """Starts it again on the same port, over the same store, and returns when it is ready."""
        control_plane.start_apiserver(self._apiserver, self.run_dir / "bin", self._port)
        control_plane.await_ready(self._etcd, self._apiserver, self._api)

    def restart_apiserver(self) -> None:
        self.kill_apiserver()
        self.start_apiserver()

    # -- people --------------------------------------------------------------------------------------------------

    def kubeconfig(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig with a client certificate of that name, made on demand.

        user: `admin` (system:masters), the kubelet's `system:node:node1`, or any person, e.g. `alice@example.com`.
        """
        # No colon may be in the name: KUBECONFIG is a list with that separator.
        path = self.run_dir / ("kubeconfig-" + quote("+".join([user, *groups]), safe="@+"))
        if not path.exists():
            certificate, key = self._authority.client(user, _GROUPS.get(user, tuple(groups)))
            private_file(
                path,
                kubeconfig(self.url, self.ca_file, {"client-certificate": str(certificate), "client-key": str(key)}),
            )
        return path

    def token_kubeconfig(self, token_file: Path, path: Path) -> Path:
        """Writes a kubeconfig to `path` whose user presents what `token_file` holds at each call, as a Pod would."""
        private_file(path, kubeconfig(self.url, self.ca_file, {"tokenFile": str(token_file.absolute())}))
        return path

    # -- asking --------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = ADMIN,
        groups: Sequence[str] = (),
        as_user: str | None = None,
        as_groups: Sequence[str] = (),
        content_type: str = "application/json",
        timeout: float = 30.0,
    ) -> tuple[int, Any]:
        """One HTTPS call with that user's certificate over a kept connection (about 2 ms): status, parsed body.

        as_user, as_groups: impersonation; `user` must be allowed to (admin is). See `service_account`.
        A refusal is a status and a `Status` object, not an error; only a broken connection raises (urllib3).
        """
        return self._api.request(
            method,
            path,
            body,
            user=user,
            groups=_GROUPS.get(user, tuple(groups)),
            as_user=as_user,
            as_groups=as_groups,
            content_type=content_type,
            timeout=timeout,
        )

    def run_kubectl(
        self,
        *arguments: str | Path,
        user: str = ADMIN,
        stdin: str | None = None,
        as_user: str | None = None,
        as_groups: Sequence[str] = (),
        namespace: str | None = None,
        check: bool = True,
        timeout: float = 40,
    ) -> "subprocess.CompletedProcess[str]":
        """Runs kubectl as that user (about 100 ms). With `check`, a failure raises ClusterError with its stderr."""
        options: list[str | Path] = ["--namespace", namespace] if namespace else []
        options += ["--as", as_user] if as_user else []
        options += [f"--as-group={group}" for group in as_groups]
        answer = subprocess.run(
            [self.kubectl, *options, *arguments],
            input=stdin,
            text=True,
            capture_output=True,
            timeout=timeout,
            env={
                **os.environ,
                "KUBECONFIG": str(self.kubeconfig(user)),
                "KUBECACHEDIR": str(self.run_dir / "kubectl-cache"),
                "KUBERC": "off",
            },
        )
        if check and answer.returncode:
            said = " ".join(map(str, arguments))
            raise ClusterError(f"kubectl {said} (as {as_user or user}): {answer.stderr.strip()}")
        return answer

    def apply(self, *documents: Mapping[str, Any], user: str = ADMIN) -> None:
        """Server-side apply of each document in order (forced, field manager `test`), as fast as HTTP allows.

        Waits until an applied CustomResourceDefinition serves. Raises ClusterError with the server's refusal.
        """
        for document in documents:
            objects.apply(self, self._kinds, document, user=user)

    # -- Pods and their tokens -----------------------------------------------------------------------------------

    def create_namespace(self, name: str) -> None:
        """Creates it when absent."""
        objects.ensure_namespace(self, name)

    def new_namespace(self, prefix: str = "test") -> str:
        """Creates one under a name that nobody has used yet. Not deleted: no controller would finish that."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.create_namespace(name)
        return name

    def create_pod(
        self,
        namespace: str,
        name: str,
        service_account: str,
        *,
        image: str = "agent:dev",
        audiences: Sequence[str] = objects.AUDIENCES,
    ) -> dict[str, Any]:
        """Creates a Pod object on node `node1`, Running without a kubelet, and what it needs; answers the object.

        audiences: the projected tokens it mounts; the API server issues a kubelet no others.
        """
        return objects.create_pod(self, namespace, name, service_account, image=image, audiences=audiences)

    def delete_pod(self, namespace: str, name: str) -> None:
        """Deletes the object at once: no kubelet would end a grace period."""
        objects.delete_pod(self, namespace, name)

    def pod_token(self, namespace: str, pod_name: str, audience: str | None, seconds: int = 3600) -> str:
        """The projected token that the kubelet would mount: bound to that Pod, issued to the kubelet's identity.

        audience: None for the API server's own.
        seconds: how long it lives. The API server issues none under 600: a shorter one is the real token of that
            Pod with an earlier `exp`, signed with the cluster's own key, so the API server judges it all the same
            (and accepts it up to 60 s past `exp`: its leeway).
        """
        return pod_token(self, self.run_dir / "pki" / "sa.key", namespace, pod_name, audience, seconds)

    def project_tokens(self, mounts: Sequence[Mount]) -> None:
        """Plays the kubelet for token files: writes them now and renews each at 80 % of its life by atomic rename.

        In a thread of this program, or in a process of its own when the cluster is detached.
        Called again, it replaces the earlier mounts.
        """
        if not self._detached:
            if self._token_files:
                self._token_files.stop()
            self._token_files = TokenFiles(self, mounts)
            self._token_files.start()
            return
        self._kubelet.kill()
        TokenFiles(self, mounts).write_all()
        command = [sys.executable, "-m", __package__, "kubelet", "--run-dir", str(self.run_dir)]
        paths = {"PYTHONPATH": str(Path(__file__).parent.parent)}
        self._kubelet.start([*command, *(f"--mount={mount}" for mount in mounts)], paths)


def _start_guard(run_dir: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, str(run_dir)], stdin=subprocess.PIPE, start_new_session=True
    )
