"""One Secret of the operator's namespace: read, created once, replaced under its resourceVersion."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import Conflict, NotFound
from pipes_operator.kube.resource import SECRETS


class SecretUnreadable(Exception):  # noqa: N818 - reads as what happened
    """A Secret holds what this version cannot use. The message names the Secret, never its content."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Content of a Secret at one version. Never shown."""

    data: dict[str, bytes]
    version: str

    def __repr__(self) -> str:
        return f"Stored(version={self.version!r}, data=<redacted>)"


class SecretStore:
    """One Secret by name. Its methods raise `KubeError` when the API server refuses."""

    def __init__(self, kube: KubeClient, namespace: str, name: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name

    def __str__(self) -> str:
        return f"Secret {self._namespace}/{self._name}"

    async def read(self) -> Stored | None:
        """None when there is none."""
        try:
            return self._stored(await self._kube.get(SECRETS, self._namespace, self._name))
        except NotFound:
            return None

    async def create(self, data: dict[str, bytes]) -> Stored:
        """Create it, or answer what another operator created first."""
        try:
            return self._stored(await self._kube.create(SECRETS, self._namespace, self._body(data)))
        except Conflict:
            return self._stored(await self._kube.get(SECRETS, self._namespace, self._name))

    async def replace(self, data: dict[str, bytes], version: str) -> Stored:
        """Replace it if it is still at that version.

        Raises:
            Conflict: another operator was faster; read again.
        """
        body = self._body(data)
        body["metadata"]["resourceVersion"] = version
        return self._stored(await self._kube.replace(SECRETS, self._namespace, self._name, body))

    def _body(self, data: dict[str, bytes]) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": self._name, "namespace": self._namespace},
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }

    def _stored(self, body: dict[str, Any]) -> Stored:
        try:
            data = {key: base64.b64decode(value, validate=True) for key, value in (body.get("data") or {}).items()}
        except (binascii.Error, TypeError, ValueError):
            raise SecretUnreadable(f"{self} holds a value that is not base64") from None
        return Stored(data, str(body["metadata"]["resourceVersion"]))
