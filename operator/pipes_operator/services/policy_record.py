"""What the policies were when last seen, and when any of them changed last: kept in our own ConfigMap.

A restart hides nothing: a policy that was replaced meanwhile has another uid,
one that was edited another generation.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipes_operator.kube.client import KubeClient
from pipes_operator.kube.errors import Conflict, NotFound
from pipes_operator.kube.resource import CONFIG_MAPS

logger = logging.getLogger(__name__)

NAME = "pipes-policy-record"
_FIELD = "record.json"


@dataclass(frozen=True, slots=True)
class Seen:
    """One policy, binding or CRD. `created` is the API server's own time, in whole seconds."""

    key: str
    uid: str
    generation: int
    created: datetime

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "Seen":
        metadata = item["metadata"]
        created = datetime.fromisoformat(metadata["creationTimestamp"])
        key = f"{item['kind']}/{metadata['name']}"
        return cls(key, metadata["uid"], int(metadata.get("generation") or 0), created)

    @property
    def version(self) -> str:
        return f"{self.uid}/{self.generation}"


class PolicyRecord:
    """`changed_at` is the latest change known; None before the record was read."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._body: dict[str, Any] | None = None
        self._versions: dict[str, str] = {}
        self._changed_at: datetime | None = None

    @property
    def changed_at(self) -> datetime | None:
        return self._changed_at

    async def update(self, seen: Iterable[Seen], now: datetime) -> None:
        """Take in what is there now. When this returns, any change is on record.

        Raises:
            KubeError: the record could not be read or written; nothing may be activated.
        """
        if self._body is None:
            await self._read()
        found = {each.key: each for each in seen}
        versions = {key: each.version for key, each in found.items()}
        if versions == self._versions and self._body:
            return
        changes = [now] if set(self._versions) - set(versions) else []
        for key, each in found.items():
            if self._versions.get(key) != each.version:
                # Of the first generation, it is as it was created; an edit has left no time that can be trusted.
                changes.append(each.created if each.generation == 1 else now)
        latest = max([*changes, *([self._changed_at] if self._changed_at is not None else [])], default=now)
        await self._write(versions, latest)

    async def _read(self) -> None:
        try:
            body = await self._kube.get(CONFIG_MAPS, self._namespace, NAME)
        except NotFound:
            self._body, self._versions, self._changed_at = {}, {}, None
            return
        try:
            stored = json.loads(body["data"][_FIELD])
            self._versions = {str(key): str(value) for key, value in stored["versions"].items()}
            self._changed_at = datetime.fromisoformat(stored["changedAt"])
        except (KeyError, TypeError, ValueError, AttributeError):
            logger.warning("the ConfigMap %s is not a record of ours; starting a new one", NAME)
            self._versions, self._changed_at = {}, None
        self._body = body

    async def _write(self, versions: dict[str, str], changed_at: datetime) -> None:
        text = json.dumps({"changedAt": changed_at.isoformat(), "versions": versions}, indent=1, sort_keys=True)
        body: dict[str, Any] = self._body or {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": self._namespace},
        }
        body = {**body, "data": {_FIELD: text}}
        try:
            if self._body:
                written = await self._kube.replace(CONFIG_MAPS, self._namespace, NAME, body)
            else:
                written = await self._kube.create(CONFIG_MAPS, self._namespace, body)
        except (Conflict, NotFound):
            self._body = None  # read it again next time
            raise
        self._body, self._versions, self._changed_at = written, versions, changed_at
