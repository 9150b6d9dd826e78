"""Active sessions: every end, claims, and conditions that stay true."""

import msgspec
import pytest

from pipes_api.resources import BoundPod, Revocation
from pipes_api.states import TERMINAL, SessionState
from pipes_operator.decisions.decide import decide

POD = BoundPod(name="agent-0", uid="uid-pod", image="agent:1")


def state(decision):
    return decision.status.state if decision.status is not None else None


def condition(status, kind):
    return next(each for each in status.conditions if each.type == kind)


def test_an_untouched_active_session_is_not_written(make):
    assert decide(make.facts(make.active(), seconds=20)).status is None


@pytest.mark.parametrize(("seconds", "expected"), [(909, None), (910, "Expired"), (90_000, "Expired")])
def test_it_expires_at_its_time(make, seconds, expected):
    assert state(decide(make.facts(make.active(), seconds=seconds))) == expected


def test_one_without_an_end_has_ended(make):
    active = make.active()
    endless = msgspec.structs.replace(active, status=msgspec.structs.replace(active.status, expires_at=None))

    assert state(decide(make.facts(endless))) is SessionState.EXPIRED


def test_one_whose_grant_cannot_be_read_has_ended(make):
    active = make.active()
    odd = {**active.status.grant, "shape": "of tomorrow"}
    newer = msgspec.structs.replace(active, status=msgspec.structs.replace(active.status, grant=odd))

    assert state(decide(make.facts(newer))) is SessionState.ENDED


def test_revocation_and_deletion_end_it(make):
    active = make.active()
    spec = msgspec.structs.replace(active.spec, revocation=Revocation(by="carol@example.com", reason="No"))
    revoked = decide(make.facts(msgspec.structs.replace(active, spec=spec))).status
    metadata = msgspec.structs.replace(active.metadata, deletion_timestamp=make.at(11))
    deleted = decide(make.facts(msgspec.structs.replace(active, metadata=metadata))).status

    assert (revoked.state, revoked.ended_by) == (SessionState.REVOKED, "carol@example.com")
    assert (deleted.state, deleted.ended_by) == (SessionState.REVOKED, "")
    assert revoked.expires_at == active.status.expires_at


def test_the_first_pod_claims_it_and_keeps_it(make):
    unbound = make.active()
    claimed = decide(make.facts(unbound, pod=POD))
    bound = msgspec.structs.replace(unbound, status=claimed.status)

    assert claimed.status.bound_pod == POD
    assert claimed.happening.reason == "Claimed"
    assert decide(make.facts(bound, pod=POD)).status is None


def test_a_shared_session_is_bound_to_no_pod_and_survives_each(make):
    shared = make.active(make.session(agent={"serviceAccountName": "agent", "shared": True}), pod=POD)

    assert shared.status.bound_pod is None
    assert decide(make.facts(shared, pod_gone=True)).status is None


def test_a_pod_that_is_gone_ends_it(make):
    assert state(decide(make.facts(make.active(pod=POD), pod_gone=True))) is SessionState.POD_GONE


class TestSuperseded:
    def test_by_a_newer_one_of_the_same_pod(self, make):
        older, newer = make.active(pod=POD), make.active(make.session("s2"), seconds=11, pod=POD)

        assert state(decide(make.facts(older, pod=POD, siblings=[newer]))) is SessionState.ENDED
        assert decide(make.facts(newer, pod=POD, siblings=[older])).status is None

    def test_not_by_one_of_another_pod(self, make):
        other = BoundPod(name="agent-1", uid="uid-other")
        older, newer = make.active(pod=POD), make.active(make.session("s2"), seconds=11, pod=other)

        assert decide(make.facts(older, pod=POD, siblings=[newer])).status is None

    def test_not_by_one_of_other_bindings(self, make):
        both = {"snowflake": make.offer(), "drive": make.offer("drive")}
        older = make.active(pod=POD, offers=both)
        newer = make.active(make.session("s2", bindings=[{"name": "drive"}]), seconds=11, pod=POD, offers=both)

        assert decide(make.facts(older, pod=POD, siblings=[newer])).status is None

    def test_shared_ones_by_shared_ones_only(self, make):
        agent = {"serviceAccountName": "agent", "shared": True}
        older = make.active(make.session(agent=agent))
        newer = make.active(make.session("s2", agent=agent), seconds=11)
        bound = make.active(make.session("s3"), seconds=12, pod=POD)

        assert state(decide(make.facts(older, siblings=[newer]))) is SessionState.ENDED
        assert decide(make.facts(older, siblings=[bound])).status is None
        assert decide(make.facts(bound, pod=POD, siblings=[newer])).status is None

    def test_of_two_in_the_same_instant_exactly_one_stays(self, make):
        one, two = make.active(pod=POD), make.active(make.session("s2"), pod=POD)

        ends = [state(decide(make.facts(a, pod=POD, siblings=[b]))) for a, b in ((one, two), (two, one))]

        assert sorted(ends, key=str) == [SessionState.ENDED, None]


def test_conditions_follow_bindings_and_the_session_goes_on(make):
    active = make.active()

    broken = decide(make.facts(active, offers={"snowflake": make.offer(ready=False)})).status
    gone = decide(make.facts(active, offers={})).status

    assert broken.state is SessionState.ACTIVE
    assert condition(broken, "ConnectionsAvailable").status == "False"
    assert condition(broken, "Ready").status == "True"
    assert condition(gone, "ToolsUnchanged").status == "False"


@pytest.mark.parametrize("ended", sorted(TERMINAL))
def test_an_end_absorbs_everything_until_it_is_collected(make, ended):
    active = make.active()
    over = msgspec.structs.replace(active.status, state=ended, ended_at=make.at(20))
    spec = msgspec.structs.replace(active.spec, revocation=Revocation(by="x"))
    session = msgspec.structs.replace(active, status=over, spec=spec)

    decision = decide(make.facts(session, seconds=50_000, pod_gone=True))
    assert (decision.status, decision.delete) == (None, False)
    assert decide(make.facts(session, seconds=20 + 86_400)).delete
