"""A call that every rule lets pass, to be made worse in one point."""

import datetime as dt
from typing import Any

from live import things
from pipes_api.messages import SessionView
from pipes_api.names import SESSION_AUDIENCE
from pipes_api.tokens import SessionClaims, service_account
from pipes_policy.call import Call, Caller

NOW = dt.datetime.now(dt.UTC)
CALLER = Caller(namespace="team-a", service_account="analyst", pod_uid="pod-1", issuer="https://issuer")


def claims(session: SessionView, **changes: Any) -> SessionClaims:
    seconds = int(NOW.timestamp())
    given = {
        "iss": CALLER.issuer,
        "aud": SESSION_AUDIENCE,
        "sub": service_account("team-a", "analyst"),
        "sid": session.uid,
        "jti": "j",
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + 60,
        "pod": "pod-1",
        "grant_hash": session.grant_hash,
    }
    return SessionClaims(**{**given, **changes})


def call(**changes: Any) -> Call:
    session = changes.get("session", things.session())
    given: dict[str, Any] = {
        "caller": CALLER,
        "tool": "snowflake_query",
        "binding": things.binding(),
        "session": session,
        "claims": claims(session) if session is not None else None,
        "definition": things.QUERY,
        "lease_until": 100.0,
        "clock": 50.0,
        "now": NOW,
    }
    return Call(**{**given, **changes})
