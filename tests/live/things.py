"""Bindings, tools, grants and sessions that tests are about, in one place."""

import datetime as dt
from typing import Any

import msgspec

from pipes_api.grant import Grant, GrantedBinding
from pipes_api.messages import BindingView, SessionView
from pipes_api.resources import Access, Agent, Connection, Limits, RequestedBinding
from pipes_api.states import SessionState
from pipes_catalog.definition import ToolAccess, ToolDefinition, to_wire

AGENT = Agent(service_account_name="analyst", pod_uid="pod-1")
GRANT_HASH = "g1-abcdefghijklmnopqrstuvwxyz"


def tool(name: str, access: ToolAccess = ToolAccess.READ, **fields: Any) -> ToolDefinition:
    schema = {"type": "object", "properties": {"q": {"type": "string"}}, "additionalProperties": False}
    given = {"title": name.title(), "description": f"The tool {name}.", "input_schema": schema, **fields}
    return ToolDefinition(name=name, access=access, **given)


QUERY = tool("query", ToolAccess.JUDGED)
SEARCH = tool("search", scopes=(("drive.readonly", "drive"),))
CREATE = tool("create", ToolAccess.WRITE)

TOOLS = {
    "snowflake": {"snowflake_query": QUERY},
    "google-drive": {"google_drive_search": SEARCH},
    "salesforce": {"salesforce_create": CREATE, "salesforce_query": QUERY},
}


def hashes(binding: str, *names: str) -> dict[str, str]:
    return {name: each.hash for name, each in TOOLS[binding].items() if not names or name in names}


def definitions() -> dict[str, dict[str, Any]]:
    return {each.hash: to_wire(each) for tools in TOOLS.values() for each in tools.values()}


def binding(name: str = "snowflake", **fields: Any) -> BindingView:
    given: dict[str, Any] = {
        "namespace": "team-a",
        "name": name,
        "uid": f"uid-{name}",
        "provider": name,
        "max_access": Access.WRITE,
        "tools": hashes(name),
        "ready": True,
        "connected": True,
    }
    return BindingView(**{**given, **fields})


def granted(name: str = "snowflake", access: Access = Access.READ, *tools: str, **fields: Any) -> GrantedBinding:
    given: dict[str, Any] = {
        "name": name,
        "uid": f"uid-{name}",
        "provider": name,
        "catalog": name,
        "connection": Connection(user_id="user_01"),
        "account": "account_01",
        "access": access,
        "tools": hashes(name, *tools),
        "hosts": ("*.snowflakecomputing.com",),
    }
    return GrantedBinding(**{**given, **fields})


def session(
    *bindings: GrantedBinding, uid: str = "session-1", seconds: float = 600, limits: Limits | None = None, **fields: Any
) -> SessionView:
    """An Active session of `analyst` in `team-a`, ending in so many seconds."""
    now = dt.datetime.now(dt.UTC)
    covered = bindings or (granted(),)
    grant = Grant(
        uid=uid, agent=AGENT, duration=int(max(seconds, 0)), reason="test", bindings=covered, limits=limits or Limits()
    )
    given: dict[str, Any] = {
        "namespace": "team-a",
        "name": uid,
        "uid": uid,
        "state": SessionState.ACTIVE,
        "agent": AGENT,
        "live": True,
        "pod_uid": "pod-1",
        "reason": "test",
        "requested": tuple(RequestedBinding(name=each.name, access=each.access) for each in covered),
        "grant": grant,
        "grant_hash": GRANT_HASH,
        "activated_at": now,
        "expires_at": now + dt.timedelta(seconds=seconds),
    }
    return SessionView(**{**given, **fields})


def over(one: SessionView, state: SessionState, **fields: Any) -> SessionView:
    """The same session, ended."""
    return msgspec.structs.replace(one, state=state, live=False, ended_at=dt.datetime.now(dt.UTC), **fields)
