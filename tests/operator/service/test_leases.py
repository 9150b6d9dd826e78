"""Leases: only for a live session, only for its pod, only while the operator can be sure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from pipes_api import tokens
from pipes_api.grant import Grant
from pipes_api.resources import (
    Agent,
    AgentSession,
    AgentSessionSpec,
    AgentSessionStatus,
    Metadata,
    Revocation,
    plain,
)
from pipes_api.states import SessionState
from pipes_operator.service.leases import Leases

WALL = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
KEY = ec.generate_private_key(ec.SECP256R1())


class Keys:
    """Signs with a key that needs no Secret."""

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, KEY, algorithm="ES256", headers={"typ": tokens.TYPE, "kid": "k"})


class Moment:
    """Clocks and proofs that a test sets."""

    def __init__(self) -> None:
        self.boot, self.wall = 1000.0, WALL
        self.leads, self.age, self.vouched = True, 0.0, True

    def leases(self, seconds: float = 60.0) -> Leases:
        return Leases(
            Keys(),  # type: ignore[arg-type]
            issuer="https://operator",
            seconds=seconds,
            proof_seconds=10.0,
            leads=lambda clock: self.leads,
            view_age=lambda clock: self.age,
            vouched=lambda session: self.vouched,
            clock=lambda: self.boot,
            wall=lambda: self.wall,
        )


def session(*, ends_in: float = 3600, shared: bool = False, **status: Any) -> AgentSession:
    agent = Agent(service_account_name="analyst", pod_uid=None if shared else "p1", shared=shared)
    grant = Grant(uid="u", agent=agent, duration=3600, reason="r", bindings=())
    fields: dict[str, Any] = {
        "state": SessionState.ACTIVE,
        "grant": plain(grant),
        "grant_hash": "g1-x",
        "expires_at": datetime.fromtimestamp(WALL, UTC) + timedelta(seconds=ends_in),
        **status,
    }
    return AgentSession(
        metadata=Metadata(name="s", namespace="team-a", uid="u"),
        spec=AgentSessionSpec(agent=agent, bindings=(), duration="1h", reason="r"),
        status=AgentSessionStatus(**fields),
    )


def read(token: str) -> tokens.SessionClaims:
    claims = jwt.decode(
        token,
        KEY.public_key(),
        algorithms=["ES256"],
        options={"verify_exp": False, "verify_aud": False, "verify_nbf": False, "verify_iat": False},
    )
    return msgspec.convert(claims, tokens.SessionClaims)


def test_a_token_holds_the_claims_of_the_contract_and_no_other() -> None:
    lease = Moment().leases().mint(session(), "p1")
    assert lease is not None
    claims = read(lease.token)
    assert claims.iss == "https://operator"
    assert claims.aud == "pipes-session"
    assert claims.sub == "system:serviceaccount:team-a:analyst"
    assert (claims.sid, claims.pod, claims.grant_hash) == ("u", "p1", "g1-x")
    assert claims.iat == claims.nbf == int(WALL)
    other = Moment().leases().mint(session(), "p1")
    assert other is not None
    assert read(other.token).jti != claims.jti


def test_none_for_a_session_whose_status_the_operator_does_not_vouch_for() -> None:
    moment = Moment()
    moment.vouched = False
    assert moment.leases().mint(session(), "p1") is None


def test_a_lease_lasts_a_minute_and_never_past_the_end_of_the_session() -> None:
    moment = Moment()
    assert moment.leases().mint(session(), "p1").until == 1060.0  # type: ignore[union-attr]
    short = moment.leases().mint(session(ends_in=7.9), "p1")
    assert short is not None
    assert short.until == 1007.0
    assert read(short.token).exp == int(WALL) + 7


@given(st.floats(0, 0.999), st.floats(-5, 200), st.floats(0, 1))
def test_exp_is_never_later_than_the_lease_and_the_lease_never_later_than_the_session(
    fraction: float, ends_in: float, boot_fraction: float
) -> None:
    moment = Moment()
    moment.wall += fraction
    moment.boot += boot_fraction
    lease = moment.leases().mint(session(ends_in=ends_in), "p1")
    if lease is None:
        assert ends_in - fraction < 2
        return
    exp = read(lease.token).exp
    assert exp - moment.wall <= lease.until - moment.boot + 1e-6
    assert lease.until - moment.boot <= 60 + 1e-6
    assert exp <= WALL + ends_in


@pytest.mark.parametrize(
    "dead",
    [
        session(ends_in=-1),
        session(ends_in=0.5),
        session(state=SessionState.AWAITING_APPROVAL),
        session(state=SessionState.BUDGET_EXHAUSTED),
        session(state=None),
        session(grant=None),
        session(grant_hash=None),
        session(expires_at=None),
    ],
)
def test_none_for_a_session_that_is_not_live(dead: AgentSession) -> None:
    assert Moment().leases().mint(dead, "p1") is None


def test_none_for_a_revoked_session_whatever_its_status_says() -> None:
    revoked = session()
    spec = msgspec.structs.replace(revoked.spec, revocation=Revocation(by="alice"))
    assert Moment().leases().mint(msgspec.structs.replace(revoked, spec=spec), "p1") is None


def test_none_for_another_pod_and_for_none() -> None:
    leases = Moment().leases()
    assert leases.mint(session(), "p2") is None
    assert leases.mint(session(), "") is None
    shared = leases.mint(session(shared=True), "p2")
    assert shared is not None
    assert read(shared.token).pod == "p2"


def test_none_without_the_lease_or_with_an_old_view_and_at_once_again_with_both() -> None:
    moment = Moment()
    leases = moment.leases()
    moment.age = 10.1
    assert leases.mint(session(), "p1") is None
    moment.age, moment.leads = 9.9, False
    assert leases.mint(session(), "p1") is None
    moment.leads = True
    assert leases.mint(session(), "p1") is not None


def test_after_a_stop_the_broker_gets_no_more_time_before_the_view_is_proven_again() -> None:
    moment = Moment()
    leases = moment.leases()
    assert leases.broker_until() == 1060.0
    # Stopped for half an hour and resumed: the proof is as old.
    moment.boot += 1800
    moment.age = 1800
    assert leases.broker_until() == 1060.0
    assert leases.mint(session(), "p1") is None
    moment.age = 0.1
    assert leases.broker_until() == moment.boot + 60
