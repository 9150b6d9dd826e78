"""Every rule of the policy chain: what it refuses, with which reason, and what it lets pass."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from live import things
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Agent
from pipes_api.states import SessionState
from pipes_api.tokens import service_account
from pipes_policy import chain
from pipes_policy.call import Call
from policy.facts import NOW, call, claims

LIVE = things.session()
SECONDS = int(NOW.timestamp())


def over(state: SessionState, **fields: Any) -> Call:
    return call(session=things.over(LIVE, state, **fields))


def pending(state: SessionState) -> Call:
    return call(session=msgspec.structs.replace(LIVE, state=state, live=False, message="the binding is missing"))


def with_claims(**changes: Any) -> Call:
    return call(claims=claims(LIVE, **changes))


def with_binding(**changes: Any) -> Call:
    return call(binding=things.binding(**changes))


def of_create(access: Access, ceiling: Access = Access.WRITE, **changes: Any) -> Call:
    """A call of the tool that writes, under a grant of that access."""
    given = {
        "session": things.session(things.granted("salesforce", access)),
        "binding": things.binding("salesforce", max_access=ceiling),
        "tool": "salesforce_create",
        "definition": things.CREATE,
    }
    return call(**{**given, **changes})


READ_ONLY = things.session(things.granted("salesforce", Access.READ, "salesforce_query"))
OTHER_POD = Agent(service_account_name="analyst", pod_uid="pod-2")
SHARED = Agent(service_account_name="analyst", shared=True)

REFUSED = {
    "before the first snapshot": (call(synchronized=False), Reason.OPERATOR_UNAVAILABLE),
    "no session": (call(session=None, claims=None), Reason.SESSION_REQUIRED),
    "pending": (pending(SessionState.PENDING), Reason.AWAITING_APPROVAL),
    "awaiting approval": (pending(SessionState.AWAITING_APPROVAL), Reason.AWAITING_APPROVAL),
    "denied": (over(SessionState.DENIED), Reason.SESSION_DENIED),
    "timed out": (over(SessionState.REQUEST_TIMED_OUT), Reason.REQUEST_TIMED_OUT),
    "withdrawn": (over(SessionState.WITHDRAWN), Reason.SESSION_ENDED),
    "too many": (over(SessionState.TOO_MANY_REQUESTS), Reason.SESSION_REQUIRED),
    "grant changed": (over(SessionState.GRANT_CHANGED), Reason.GRANT_CHANGED),
    "policy changed": (over(SessionState.POLICY_CHANGED), Reason.POLICY_CHANGED),
    "expired": (over(SessionState.EXPIRED), Reason.SESSION_EXPIRED),
    "revoked": (over(SessionState.REVOKED), Reason.SESSION_REVOKED),
    "ended": (over(SessionState.ENDED), Reason.SESSION_ENDED),
    "budget used up": (over(SessionState.BUDGET_EXHAUSTED), Reason.BUDGET_EXHAUSTED),
    "pod gone": (over(SessionState.POD_GONE), Reason.POD_GONE),
    "active, not live": (call(session=msgspec.structs.replace(LIVE, live=False)), Reason.SESSION_ENDED),
    "at its end": (call(session=msgspec.structs.replace(LIVE, expires_at=NOW)), Reason.SESSION_EXPIRED),
    "without an end": (call(session=msgspec.structs.replace(LIVE, expires_at=None)), Reason.SESSION_EXPIRED),
    "another namespace": (call(session=msgspec.structs.replace(LIVE, namespace="team-b")), Reason.SESSION_REQUIRED),
    "another account": (
        call(session=msgspec.structs.replace(LIVE, agent=Agent(service_account_name="other", shared=True))),
        Reason.SESSION_REQUIRED,
    ),
    "another pod": (
        call(session=msgspec.structs.replace(LIVE, agent=OTHER_POD, pod_uid="pod-2")),
        Reason.SESSION_REQUIRED,
    ),
    "bound to no pod": (call(session=msgspec.structs.replace(LIVE, pod_uid="")), Reason.SESSION_REQUIRED),
    "no token": (call(claims=None), Reason.LEASE_EXPIRED),
    "other issuer": (with_claims(iss="https://issuer/"), Reason.SESSION_REQUIRED),
    "other audience": (with_claims(aud="pipes-broker"), Reason.SESSION_REQUIRED),
    "other subject": (with_claims(sub=service_account("team-a", "admin")), Reason.SESSION_REQUIRED),
    "other session": (with_claims(sid="session-2"), Reason.SESSION_REQUIRED),
    "other pod in the token": (with_claims(pod="pod-2"), Reason.SESSION_REQUIRED),
    "other grant": (with_claims(grant_hash="g1-zzz"), Reason.SESSION_REQUIRED),
    "token over": (with_claims(exp=SECONDS), Reason.LEASE_EXPIRED),
    "token not yet valid": (with_claims(nbf=SECONDS + 300), Reason.LEASE_EXPIRED),
    "token of the future": (with_claims(iat=SECONDS + 300), Reason.LEASE_EXPIRED),
    "lease over": (call(lease_until=50.0), Reason.LEASE_EXPIRED),
    "no lease": (call(lease_until=None), Reason.LEASE_EXPIRED),
    "no binding": (call(binding=None), Reason.NOT_GRANTED),
    "binding made anew": (with_binding(uid="uid-2"), Reason.NOT_GRANTED),
    "binding not in the grant": (
        call(binding=things.binding("google-drive"), tool="google_drive_search", definition=things.SEARCH),
        Reason.NOT_GRANTED,
    ),
    "suspended": (with_binding(suspended=True), Reason.BINDING_SUSPENDED),
    "not offered any more": (with_binding(service_accounts=("other",)), Reason.NOT_GRANTED),
    "offered to nobody": (with_binding(service_accounts=()), Reason.NOT_GRANTED),
    "tool not granted": (
        call(
            session=READ_ONLY,
            binding=things.binding("salesforce"),
            tool="salesforce_describe",
            definition=things.SEARCH,
        ),
        Reason.NOT_GRANTED,
    ),
    "tool taken out of the binding": (with_binding(tools={}), Reason.NOT_GRANTED),
    "tool changed": (call(definition=things.SEARCH), Reason.TOOLS_CHANGED),
    "tool unknown here": (call(definition=None), Reason.TOOLS_CHANGED),
    "writing tool under Read": (of_create(Access.READ), Reason.WRITE_NOT_ALLOWED),
    "writing tool not in a Read grant": (of_create(Access.READ, session=READ_ONLY), Reason.WRITE_NOT_ALLOWED),
    "ceiling lowered since": (of_create(Access.WRITE, Access.READ), Reason.WRITE_NOT_ALLOWED),
    "judged to write under Read": (call(needs=Access.WRITE), Reason.WRITE_NOT_ALLOWED),
    "not connected": (with_binding(connected=False, problem="connect it again"), Reason.CONNECTION_UNAVAILABLE),
    "not ready": (with_binding(ready=False), Reason.CONNECTION_UNAVAILABLE),
    "scope missing": (
        call(
            session=things.session(things.granted("google-drive")),
            binding=things.binding("google-drive", missing_scopes=("drive.readonly",)),
            tool="google_drive_search",
            definition=things.SEARCH,
        ),
        Reason.SCOPE_MISSING,
    ),
}

ALLOWED = {
    "as it should be": call(),
    "judged to read": call(needs=Access.READ),
    "a write under Write": of_create(Access.WRITE, needs=Access.WRITE),
    "a shared session": call(session=msgspec.structs.replace(LIVE, agent=SHARED, pod_uid="")),
    "a clock a little behind": with_claims(nbf=SECONDS + 2, iat=SECONDS + 2),
    "a scope missing that the tool does not need": with_binding(missing_scopes=("drive",)),
    "offered by name": with_binding(service_accounts=("analyst",)),
    "the last call of a budget": call(
        session=msgspec.structs.replace(LIVE, state=SessionState.BUDGET_EXHAUSTED), reserved=True
    ),
}


@pytest.mark.parametrize(("one", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(one: Call, reason: Reason) -> None:
    denial = chain.decide(one)
    assert denial is not None
    assert denial.reason is reason
    assert denial.message
    assert denial.remedy
    assert "\n" not in denial.message


@pytest.mark.parametrize("one", ALLOWED.values(), ids=ALLOWED.keys())
def test_allowed(one: Call) -> None:
    assert chain.decide(one) is None


def test_every_reason_of_a_state_is_told_apart() -> None:
    """The agent learns who, when and why."""
    ended = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    revoked = msgspec.structs.replace(
        LIVE,
        state=SessionState.REVOKED,
        live=False,
        ended_by="alice@example.com",
        ended_at=ended,
        message="wrong table",
    )
    denied = things.over(LIVE, SessionState.DENIED, decided_by="bob@example.com", note="ask finance")
    expired = msgspec.structs.replace(LIVE, state=SessionState.EXPIRED, live=False, expires_at=ended)
    told = [chain.decide(call(session=each)) for each in (revoked, denied, expired)]
    assert [each.message for each in told if each] == [
        "session session-1 was revoked by alice@example.com at 2026-01-02T03:04:05Z: wrong table",
        "session session-1 was denied by bob@example.com: ask finance",
        "session session-1 expired at 2026-01-02T03:04:05Z",
    ]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Revoked by alice@example.com: seen enough", ": seen enough"),
        ("Revoked by alice@example.com.", ""),
        ("Revoked by a person: seen enough", ": seen enough"),
        ("The session was revoked.", ""),
        ("The session was deleted.", ": The session was deleted."),
        ("", ""),
    ],
)
def test_a_revocation_is_said_once(said: str, told: str) -> None:
    by = "alice@example.com" if "alice" in said else ""
    denial = chain.decide(over(SessionState.REVOKED, message=said, ended_by=by))
    assert denial is not None
    assert denial.message.count("evoked") == 1
    assert denial.message.endswith("Z" + told)


def test_an_ended_session_is_named_with_what_ended_it() -> None:
    denial = chain.decide(over(SessionState.ENDED, message="The newer session s2 took its place."))
    assert denial is not None
    assert denial.message == f"session {LIVE.name} has ended (Ended): The newer session s2 took its place"


def test_a_used_up_budget_spares_only_the_call_that_has_its_place() -> None:
    assert chain.decide(over(SessionState.BUDGET_EXHAUSTED)) is not None
    assert chain.decide(call(session=things.over(LIVE, SessionState.REVOKED), reserved=True)) is not None
