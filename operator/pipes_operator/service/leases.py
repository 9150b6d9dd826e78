"""Leases: short permissions to use a live session, each with a session token for one pod.

Minted only while the operator is the leader and has proof that what it sees is
current; asked at every single mint, so an operator that was stopped and goes on
renews nothing before it has looked again.
"""

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pipes_api.clock import boottime
from pipes_api.messages import Lease
from pipes_api.names import SESSION_AUDIENCE
from pipes_api.resources import AgentSession
from pipes_api.tokens import service_account
from pipes_operator.keys.signing import SigningKeys

from . import metrics, views

_SHORTEST_SECONDS = 1.0


class Leases:
    """Mints leases.

    Attributes:
        leads: whether this operator holds the Lease at that moment (CLOCK_BOOTTIME).
        view_age: how old the proof of a current view is at that moment, in seconds.
        vouched: whether the operator itself made this session Active, as far as request and approval go. Status
            is what an administrator can forge while the policy that guards it is gone.
    """

    def __init__(
        self,
        keys: SigningKeys,
        *,
        issuer: str,
        seconds: float,
        proof_seconds: float,
        leads: Callable[[float], bool],
        view_age: Callable[[float], float],
        vouched: Callable[[AgentSession], bool],
        clock: Callable[[], float] = boottime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._proof_seconds = proof_seconds
        self._leads = leads
        self._view_age = view_age
        self._vouched = vouched
        self._clock = clock
        self._wall = wall
        self._broker_until = 0.0
        self.seconds = seconds

    def allowed(self) -> bool:
        """Whether a lease may be minted at this moment."""
        clock = self._clock()
        return self._leads(clock) and self._view_age(clock) <= self._proof_seconds

    def mint(self, session: AgentSession, pod_uid: str) -> Lease | None:
        """A lease on that session for that pod; None when it is not live, not the pod's, or none may be minted now.

        `until` is never past the session's end, and `exp` (whole seconds of the wall clock) never past `until`.
        """
        if not pod_uid or not self.allowed():
            return None
        # The clock of the deadline is read first: what passes until the token is signed shortens the lease.
        clock, wall = self._clock(), self._wall()
        if not views.is_live(session, datetime.fromtimestamp(wall, UTC)) or not self._vouched(session):
            return None
        if not session.spec.agent.shared and views.pod_of(session) != pod_uid:
            return None
        expires_at, grant_hash = session.status.expires_at, session.status.grant_hash
        if expires_at is None or not grant_hash:
            return None
        length = min(self.seconds, expires_at.timestamp() - wall)
        expires = int(wall + length)
        if length < _SHORTEST_SECONDS or expires <= wall:
            return None
        metadata = session.metadata
        token = self._keys.sign(
            {
                "iss": self._issuer,
                "aud": SESSION_AUDIENCE,
                "sub": service_account(metadata.namespace, session.spec.agent.service_account_name),
                "sid": metadata.uid,
                "jti": secrets.token_urlsafe(16),
                "iat": int(wall),
                "nbf": int(wall),
                "exp": expires,
                "pod": pod_uid,
                "grantHash": grant_hash,
            }
        )
        metrics.TOKENS_MINTED.inc()
        return Lease(uid=metadata.uid, until=clock + (expires - wall), token=token)

    def broker_until(self) -> float:
        """Until when the broker may use all live sessions as its stream shows them (operator's CLOCK_BOOTTIME).

        Without proof it stays where it was, and so runs out.
        """
        if self.allowed():
            self._broker_until = self._clock() + self.seconds
        return self._broker_until
