"""Alice with a plain HTTP client: approves and revokes without the start-up time of kubectl."""

import base64
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from .places import ALICE, TEAM

_MERGE = {"Content-Type": "application/merge-patch+json"}


class Approver:
    """Patches AgentSessions of the team as Alice; use as an async context manager."""

    def __init__(self, url: str, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        context.load_cert_chain(user["client-certificate"], user["client-key"])
        self._url = f"{url}/apis/pipesmcp.io/v1alpha1/namespaces/{TEAM}/agentsessions"
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async def __aenter__(self) -> "Approver":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def get(self, name: str) -> dict[str, Any]:
        async with self._http.get(f"{self._url}/{name}") as answer:
            answer.raise_for_status()
            body: dict[str, Any] = await answer.json()
            return body

    async def approve(self, name: str, grant_hash: str) -> None:
        await self.patch(name, {"spec": {"approval": {"decision": "Approved", "by": ALICE, "grantHash": grant_hash}}})

    async def revoke(self, name: str) -> None:
        await self.patch(name, {"spec": {"revocation": {"by": ALICE, "reason": "bench"}}})

    async def annotate(self, name: str, text: str) -> None:
        """A write that nobody acts on: what the API server itself takes."""
        await self.patch(name, {"metadata": {"annotations": {"bench": text}}})

    async def patch(self, name: str, change: dict[str, Any]) -> None:
        async with self._http.patch(f"{self._url}/{name}", json=change, headers=_MERGE) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{name}: {answer.status} {await answer.text()}")
            await answer.read()
