"""The kubelet's part: tokens bound to a Pod, and the files that they are projected into."""

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jwt
import urllib3

from .errors import ClusterError
from .objects import NODE
from .pki import private_file

_SHORTEST = 600
_RETRY_AFTER = 1.0
_RENEW_AT = 0.8


class Api(Protocol):
    def request(
        self, method: str, path: str, body: Any = None, *, user: str = "admin", content_type: str = "application/json"
    ) -> tuple[int, Any]: ...

    def pod_token(self, namespace: str, pod_name: str, audience: str | None, seconds: int = 3600) -> str: ...


@dataclass(frozen=True)
class Mount:
    """One projected token: which Pod's, for which audience (None: the API server's own), where, living how long."""

    namespace: str
    pod: str
    audience: str | None
    path: Path
    seconds: int = 3600

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}/{self.audience or ''}/{self.seconds}:{self.path.absolute()}"

    @classmethod
    def parse(cls, text: str) -> "Mount":
        """The inverse of `str`; ValueError when it is none."""
        whose, path = text.split(":", 1)
        namespace, pod, audience, seconds = whose.split("/")
        return cls(namespace, pod, audience or None, Path(path), int(seconds))


def pod_token(api: Api, signing_key: Path, namespace: str, pod_name: str, audience: str | None, seconds: int) -> str:
    _, pod = api.request("GET", f"/api/v1/namespaces/{namespace}/pods/{pod_name}")
    if pod.get("kind") != "Pod":
        raise ClusterError(f"no Pod {namespace}/{pod_name} to issue a token for")
    reference = {"kind": "Pod", "apiVersion": "v1", "name": pod_name, "uid": pod["metadata"]["uid"]}
    spec: dict[str, Any] = {"boundObjectRef": reference, "expirationSeconds": max(seconds, _SHORTEST)}
    if audience is not None:
        spec["audiences"] = [audience]
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/{pod['spec']['serviceAccountName']}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    # The node authorizer learns of the Pod by its own watch, a moment after the Pod was created.
    deadline = time.monotonic() + 5
    while True:
        status, answer = api.request("POST", account, request, user=f"system:node:{NODE}")
        if status == 201:
            break
        if status != 403 or "for audience" in answer["message"] or time.monotonic() > deadline:
            raise ClusterError(f"no token for {namespace}/{pod_name}: {answer.get('message', answer)}")
        time.sleep(0.02)
    token: str = answer["status"]["token"]
    return token if seconds >= _SHORTEST else _shortened(token, signing_key, seconds)


def _shortened(token: str, signing_key: Path, seconds: int) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    claims["exp"] = claims["iat"] + seconds
    headers = jwt.get_unverified_header(token)
    return jwt.encode(claims, signing_key.read_bytes(), algorithm="RS256", headers={"kid": headers["kid"]})


class TokenFiles:
    """Writes projected token files, mode 0600, and renews each at 80 % of its life by atomic rename, as a kubelet does.

    While the API server is away the old token stays in place, as in a Pod.
    """

    def __init__(self, api: Api, mounts: Sequence[Mount]) -> None:
        self._api = api
        self._due: dict[Mount, float] = dict.fromkeys(mounts, 0.0)
        self._wake = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="token-files", daemon=True)

    def __enter__(self) -> "TokenFiles":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Writes every file, then renews them in a thread. Raises ClusterError when a token cannot be had."""
        self.write_all()
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def write_all(self) -> None:
        """Writes every file anew, now."""
        for mount in list(self._due):
            self._write(mount)

    def run_forever(self) -> None:
        """Renews in this thread; the files are there already."""
        for mount in list(self._due):
            self._due[mount] = time.monotonic() + mount.seconds * _RENEW_AT
        self._run()

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._stopped:
                    self._wake.wait(max(0.0, min(self._due.values(), default=60.0) - time.monotonic()))
                if self._stopped:
                    return
            for mount in [mount for mount, due in self._due.items() if due <= time.monotonic()]:
                try:
                    self._write(mount)
                except (ClusterError, urllib3.exceptions.HTTPError) as error:
                    print(f"kubelet: {mount.path} keeps its old token: {error}", file=sys.stderr, flush=True)
                    self._due[mount] = time.monotonic() + _RETRY_AFTER

    def _write(self, mount: Mount) -> None:
        asked = time.monotonic()
        token = self._api.pod_token(mount.namespace, mount.pod, mount.audience, mount.seconds)
        mount.path.parent.mkdir(parents=True, exist_ok=True)
        private_file(mount.path, token.encode())
        self._due[mount] = asked + mount.seconds * _RENEW_AT
