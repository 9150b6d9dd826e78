"""Whatever else holds: without a live session of this very pod, nothing passes."""

import datetime as dt
from typing import Any

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from live import things
from pipes_api.resources import Access, Agent
from pipes_api.states import SessionState
from pipes_policy import chain
from pipes_policy.call import Call
from policy.facts import CALLER, NOW, call, claims

SECONDS = st.integers(-5, 5)
AGENTS = st.builds(
    Agent,
    service_account_name=st.sampled_from(["analyst", "other"]),
    pod_uid=st.sampled_from([None, "pod-1", "pod-2"]),
    shared=st.booleans(),
)
SESSION: dict[str, st.SearchStrategy[Any]] = {
    "state": st.sampled_from(list(SessionState)),
    "live": st.booleans(),
    "agent": AGENTS,
    "pod_uid": st.sampled_from(["", "pod-1", "pod-2"]),
    "namespace": st.sampled_from(["team-a", "team-b"]),
    "grant": st.none(),
    "expires_at": st.one_of(st.none(), SECONDS.map(lambda each: NOW + dt.timedelta(seconds=each))),
}
TOKEN: dict[str, st.SearchStrategy[Any]] = {
    "exp": SECONDS.map(lambda each: int(NOW.timestamp()) + each),
    "pod": st.just("pod-2"),
    "sid": st.just("session-2"),
    "sub": st.just("system:serviceaccount:team-a:other"),
    "aud": st.text(max_size=5),
    "iss": st.text(max_size=5),
}
CALL: dict[str, st.SearchStrategy[Any]] = {
    "synchronized": st.booleans(),
    "needs": st.sampled_from([None, Access.READ, Access.WRITE]),
    "reserved": st.booleans(),
    "lease_until": st.one_of(st.none(), st.floats(40, 60)),
    "session": st.none(),
    "claims": st.none(),
    "binding": st.sampled_from(
        [None, things.binding(suspended=True), things.binding(uid="new"), things.binding(tools={})]
    ),
    "definition": st.sampled_from([None, things.CREATE]),
}


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A call that would pass, worse in at most three points: few enough that some still pass."""
    parts = {"session": SESSION, "token": TOKEN, "call": CALL}
    points = [(part, name) for part, fields in parts.items() for name in fields]
    chosen = draw(st.lists(st.sampled_from(points), max_size=3, unique=True))
    drawn: dict[str, dict[str, Any]] = {part: {} for part in parts}
    for part, name in chosen:
        drawn[part][name] = draw(parts[part][name])
    session = msgspec.structs.replace(things.session(), **drawn["session"])
    return call(**{"session": session, "claims": claims(session, **drawn["token"]), **drawn["call"]})


@settings(max_examples=500, deadline=None)
@given(one=calls())
def test_what_passes_has_a_live_session_of_this_pod_and_a_current_lease(one: Call) -> None:
    denial = chain.decide(one)
    event("refused" if denial else "allowed")
    if denial is not None:
        return
    session, token = one.session, one.claims
    assert one.synchronized
    assert session is not None
    assert (session.state is SessionState.ACTIVE and session.live) or (
        session.state is SessionState.BUDGET_EXHAUSTED and one.reserved
    )
    assert session.grant is not None
    assert session.expires_at is not None
    assert session.expires_at > NOW
    assert session.namespace == CALLER.namespace
    assert session.agent.service_account_name == CALLER.service_account
    assert session.agent.shared or session.pod_uid == CALLER.pod_uid
    assert token is not None
    assert token.exp > NOW.timestamp()
    assert (token.sid, token.pod, token.iss) == (session.uid, CALLER.pod_uid, CALLER.issuer)
    assert one.lease_until is not None
    assert one.lease_until > one.clock
    assert one.binding is not None
    assert not one.binding.suspended
    assert one.binding.uid == "uid-snowflake"
    assert one.tool in one.binding.tools
    assert one.definition is things.QUERY
    assert one.needs is not Access.WRITE


@settings(max_examples=200, deadline=None)
@given(one=calls())
def test_a_rule_about_the_session_is_never_skipped_for_one_about_the_tool(one: Call) -> None:
    first = chain.decide_session(one)
    assert first is None or chain.decide(one) == first
