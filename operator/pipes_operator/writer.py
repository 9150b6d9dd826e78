"""Writes to sessions and bindings, each under the version it was decided on; the answer goes into the World at once."""

from typing import Any

from pipes_api import names, resources
from pipes_api.resources import (
    AgentSession,
    AgentSessionSpec,
    AgentSessionStatus,
    ProviderBinding,
    ProviderBindingStatus,
)

from .kube.client import KubeClient
from .kube.errors import Conflict
from .kube.resource import BINDINGS, SESSIONS, Resource
from .world import World


class Writer:
    """The one place that changes our resources. Every method raises `KubeError` when the API server refuses."""

    def __init__(self, kube: KubeClient, world: World) -> None:
        self._kube = kube
        self._world = world

    async def create_session(self, namespace: str, name_prefix: str, spec: AgentSessionSpec) -> AgentSession:
        """Create a session under a name that the API server completes."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": SESSIONS.kind,
            "metadata": {"generateName": name_prefix, "namespace": namespace},
            "spec": resources.plain(spec),
        }
        return self._known_session(await self._kube.create(SESSIONS, namespace, body))

    async def write_status(self, session: AgentSession, status: AgentSessionStatus) -> AgentSession:
        """Replace the whole status if the session is still at the version that `session` shows.

        Raises:
            Conflict: it has changed since; decide again from the World.
            NotFound: it is gone.
        """
        return self._known_session(await self._replace_status(SESSIONS, session, status))

    async def write_binding_status(self, binding: ProviderBinding, status: ProviderBindingStatus) -> ProviderBinding:
        """As `write_status`, for a binding."""
        body = await self._replace_status(BINDINGS, binding, status)
        known = self._world.put_binding(body)
        return known if known is not None else resources.binding(body)

    async def delete_session(self, session: AgentSession) -> None:
        """Delete that very session, at that very version.

        Raises:
            Conflict: another one has its name, or it has changed since.
        """
        metadata = session.metadata
        await self._kube.delete(
            SESSIONS, metadata.namespace, metadata.name, uid=metadata.uid, version=metadata.resource_version
        )

    async def refresh_session(self, namespace: str, name: str) -> AgentSession | None:
        """Read a session from the API server into the World, past the watch; None if it cannot be read as one.

        Raises:
            NotFound: there is none of that name.
        """
        return self._world.put_session(await self._kube.get(SESSIONS, namespace, name))

    async def refresh_binding(self, namespace: str, name: str) -> ProviderBinding | None:
        """As `refresh_session`, for a binding."""
        return self._world.put_binding(await self._kube.get(BINDINGS, namespace, name))

    async def _replace_status(
        self,
        resource: Resource,
        target: AgentSession | ProviderBinding,
        status: AgentSessionStatus | ProviderBindingStatus,
    ) -> dict[str, Any]:
        metadata = target.metadata
        if not metadata.resource_version:
            raise Conflict("the object was never read from the API server")
        # The status subresource takes nothing but status from the body, and what is absent there is removed.
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {
                "name": metadata.name,
                "namespace": metadata.namespace,
                "uid": metadata.uid,
                "resourceVersion": metadata.resource_version,
            },
            "status": resources.plain(status),
        }
        return await self._kube.replace(resource, metadata.namespace, metadata.name, body, subresource="status")

    def _known_session(self, body: dict[str, Any]) -> AgentSession:
        known = self._world.put_session(body)
        return known if known is not None else resources.session(body)
