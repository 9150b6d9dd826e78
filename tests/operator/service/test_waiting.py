"""The cap of waiting requests, identical ones, and the pause after denials."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipes_api.resources import (
    Agent,
    AgentSession,
    AgentSessionSpec,
    AgentSessionStatus,
    Approval,
    Limits,
    Metadata,
    RequestedBinding,
)
from pipes_api.states import SessionState
from pipes_operator.service import waiting
from pipes_operator.service.asking import Ask
from pipes_operator.service.refusals import Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BINDINGS = (RequestedBinding(name="crm"),)
ASK = Ask(reason="why", bindings=BINDINGS, duration="1h", limits=None, notes=())
S = SessionState


def session(state: SessionState | None, *, uid: str = "u", at: datetime = NOW, **changes: Any) -> AgentSession:
    spec: dict[str, Any] = {
        "agent": Agent(service_account_name="analyst", pod_uid="p1"),
        "bindings": BINDINGS,
        "duration": "1h",
        "reason": "why",
        **changes,
    }
    status = AgentSessionStatus(
        state=state,
        ended_at=at if state is S.DENIED else None,
        activated_at=at if state in (S.ACTIVE, S.EXPIRED) else None,
        expires_at=at + timedelta(hours=1),
    )
    metadata = Metadata(name=f"s-{uid}", namespace="team-a", uid=uid, creation_timestamp=at)
    return AgentSession(metadata=metadata, spec=AgentSessionSpec(**spec), status=status)


@pytest.mark.parametrize("state", [None, S.PENDING, S.AWAITING_APPROVAL])
def test_the_first_of_identical_waiting_requests_is_found(state: SessionState | None) -> None:
    first = session(state, uid="b", at=NOW - timedelta(seconds=9))
    found = waiting.same_request([session(state, uid="a"), first], "p1", ASK, NOW)
    assert found is first


@pytest.mark.parametrize(
    "other",
    [
        session(S.ACTIVE),
        session(S.DENIED),
        session(S.AWAITING_APPROVAL, reason="else"),
        session(S.AWAITING_APPROVAL, duration="2h"),
        session(S.AWAITING_APPROVAL, limits=Limits(max_calls=1)),
        session(S.AWAITING_APPROVAL, agent=Agent(service_account_name="analyst", pod_uid="p2")),
        session(S.AWAITING_APPROVAL, agent=Agent(service_account_name="analyst", shared=True)),
        session(S.AWAITING_APPROVAL, approval=Approval(decision="Denied")),
    ],
)
def test_what_is_decided_or_differs_or_is_anothers_is_not_the_same(other: AgentSession) -> None:
    assert waiting.same_request([other], "p1", ASK, NOW) is None


def test_the_cap_counts_what_waits_for_a_person_and_names_it() -> None:
    known = [session(S.AWAITING_APPROVAL, uid=str(number)) for number in range(4)] + [session(S.ACTIVE, uid="x")]
    waiting.check(known, 5, NOW)
    with pytest.raises(Refused, match="s-0, s-1, s-2, s-3, s-9") as refused:
        waiting.check([*known, session(None, uid="9")], 5, NOW)
    assert refused.value.status == 429
    assert "a person must act" in refused.value.failure.remedy


def test_each_denial_in_a_row_doubles_the_pause_up_to_a_quarter_of_an_hour() -> None:
    pauses = []
    denials: list[AgentSession] = []
    for number in range(12):
        at = NOW + timedelta(minutes=number)
        denials.append(session(S.DENIED, uid=str(number), at=at))
        until = waiting.pause_until(denials)
        assert until is not None
        pauses.append((until - at).total_seconds())
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]


def test_an_approval_or_an_hour_without_denial_starts_afresh() -> None:
    denials = [session(S.DENIED, uid=str(number), at=NOW + timedelta(minutes=number)) for number in range(5)]
    approved = session(S.EXPIRED, uid="a", at=NOW + timedelta(minutes=9))
    assert waiting.pause_until([*denials, approved]) is None
    later = NOW + timedelta(hours=3)
    assert waiting.pause_until([*denials, session(S.DENIED, uid="l", at=later)]) == later + timedelta(seconds=5)


def test_within_the_pause_a_request_is_told_when_to_come_again() -> None:
    denied = session(S.DENIED, at=NOW)
    with pytest.raises(Refused) as refused:
        waiting.check([denied], 5, NOW + timedelta(seconds=2))
    assert refused.value.failure.retry_after_seconds == 3
    waiting.check([denied], 5, NOW + timedelta(seconds=5))
