"""kopf watches both kinds and puts what it sees into the World. Nothing else happens in its handlers."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from pipes_api import names

from .kube.access import Access
from .world import World

logger = logging.getLogger(__name__)

HeartbeatSeen = Callable[[str, Mapping[str, Any]], None]

INACTIVITY_SECONDS = 20.0
"""Heartbeats arrive every few seconds: a watch that is silent for so long is dead, whatever its socket says."""


class WatchingEndedError(Exception):
    """kopf stopped. It cancels the tasks of its loop as it does so, hence the process must end."""


def registry(world: World, access: Access, heartbeat_seen: HeartbeatSeen) -> kopf.OperatorRegistry:
    """Handlers for both kinds: into the World, whose listeners do the rest.

    `heartbeat_seen` gets the plural and the body of each heartbeat object.
    """
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        endpoint = access.endpoint
        return kopf.ConnectionInfo(
            server=endpoint.server,
            ca_path=endpoint.ca_file,
            insecure=not endpoint.verify,
            certificate_path=endpoint.certificate_file,
            private_key_path=endpoint.key_file,
            token=await access.bearer(renew=True),
        )

    @kopf.on.event(names.GROUP, names.VERSION, names.SESSIONS, registry=handlers)
    async def session_seen(event: kopf.RawEvent, **_: Any) -> None:
        body = event["object"]
        if _is_heartbeat(body):
            heartbeat_seen(names.SESSIONS, body)
        elif event["type"] == "DELETED":
            world.drop_session(_uid(body))
        else:
            world.put_session(body)

    @kopf.on.event(names.GROUP, names.VERSION, names.BINDINGS, registry=handlers)
    async def binding_seen(event: kopf.RawEvent, **_: Any) -> None:
        body = event["object"]
        if _is_heartbeat(body):
            heartbeat_seen(names.BINDINGS, body)
        elif event["type"] == "DELETED":
            world.drop_binding(_uid(body))
        else:
            world.put_binding(body)

    return handlers


def settings() -> kopf.OperatorSettings:
    """kopf without its own resources: no scanning, no events, no peering, no finalizers."""
    wanted = kopf.OperatorSettings()
    wanted.scanning.disabled = True
    wanted.peering.standalone = True
    wanted.posting.enabled = False
    wanted.watching.server_timeout = 300
    wanted.watching.client_timeout = 330
    wanted.watching.connect_timeout = 5
    wanted.watching.inactivity_timeout = INACTIVITY_SECONDS
    wanted.watching.reconnect_backoff = 0.1
    wanted.networking.connect_timeout = 5
    wanted.networking.request_timeout = 30
    wanted.networking.error_backoffs = [0.2, 0.5, 1, 2, 3, 5]
    wanted.queueing.idle_timeout = 1.0
    # kopf would kill the whole process so long after it has stopped; ending the process is ours.
    wanted.process.ultimate_exiting_timeout = None
    return wanted


async def watch(
    handlers: kopf.OperatorRegistry, namespaces: tuple[str, ...], stop: asyncio.Event, ready: asyncio.Event
) -> None:
    """Watch until `stop` is set.

    Raises:
        WatchingEndedError: kopf ended by itself.
    """
    await kopf.operator(
        registry=handlers,
        settings=settings(),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces or (),
        stop_flag=stop,
        ready_flag=ready,
    )
    if not stop.is_set():
        raise WatchingEndedError("the watches ended by themselves")


def _is_heartbeat(body: Mapping[str, Any]) -> bool:
    return (body.get("metadata") or {}).get("name") == names.HEARTBEAT


def _uid(body: Mapping[str, Any]) -> str:
    return str((body.get("metadata") or {}).get("uid", ""))
