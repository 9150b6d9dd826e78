"""Calls to the API server as a given user, over connections that stay open."""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import urllib3

Json = Any


class ApiClient:
    """HTTPS to one API server, from any thread; `certificate` answers a user's certificate and key files."""

    def __init__(self, url: str, ca_file: Path, certificate: Callable[[str, Sequence[str]], tuple[Path, Path]]) -> None:
        self._url = url
        self._ca_file = ca_file
        self._certificate = certificate
        self._pools: dict[tuple[str, ...], urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def request(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        user: str,
        groups: Sequence[str] = (),
        as_user: str | None = None,
        as_groups: Sequence[str] = (),
        content_type: str = "application/json",
        timeout: float = 30.0,
    ) -> tuple[int, Json]:
        """Status and parsed body of one call; a body that is not JSON comes back as text. urllib3's errors pass."""
        headers: dict[str, str] = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = content_type
        impersonated = urllib3.HTTPHeaderDict(headers)
        if as_user is not None:
            impersonated.add("Impersonate-User", as_user)
            for group in as_groups:
                impersonated.add("Impersonate-Group", group)
        response = self._pool(user, groups).request(
            method,
            self._url + path,
            body=body if body is None or isinstance(body, bytes | str) else json.dumps(body),
            headers=impersonated,
            timeout=timeout,
            retries=False,
            redirect=False,
        )
        return response.status, _parse(response.data)

    def _pool(self, user: str, groups: Sequence[str]) -> urllib3.PoolManager:
        with self._lock:
            pool = self._pools.get((user, *groups))
            if pool is None:
                certificate, key = self._certificate(user, groups)
                pool = urllib3.PoolManager(
                    maxsize=32, ca_certs=str(self._ca_file), cert_file=str(certificate), key_file=str(key)
                )
                self._pools[(user, *groups)] = pool
            return pool

    def close(self) -> None:
        """Drops every connection."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()
            self._pools.clear()


def _parse(data: bytes) -> Json:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


def service_account(namespace: str, name: str) -> tuple[str, tuple[str, ...]]:
    """User name and groups of a ServiceAccount, for `as_user` and `as_groups`."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return f"system:serviceaccount:{namespace}:{name}", groups
