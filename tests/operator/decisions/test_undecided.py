"""Sessions that are not Active yet: every check, and what comes first."""

from datetime import timedelta

import msgspec
import pytest

from pipes_api.resources import BoundPod, Revocation
from pipes_api.states import SessionState
from pipes_operator.decisions.decide import decide, wake_at
from pipes_operator.decisions.facts import PolicyFacts

AGENT = "system:serviceaccount:team:agent"


def state(decision):
    return decision.status.state if decision.status is not None else None


def ready(decision):
    return next(each for each in decision.status.conditions if each.type == "Ready")


def test_a_grantable_request_is_shown_with_grant_hash_summary_and_manifest_in_one_write(make):
    status = decide(make.facts(make.session())).status

    assert status.state is SessionState.AWAITING_APPROVAL
    assert status.grant
    assert status.summary
    assert status.grant_hash in status.approve_with
    assert "uid-s1" in status.approve_with
    assert status.request_expires_at == make.at(3600)
    assert "asked for by bob@example.com" in status.summary[0]


def test_what_is_right_as_it_is_is_not_written_again(make):
    shown = make.shown()

    assert decide(make.facts(shown, seconds=30)).status is None


@pytest.mark.parametrize(
    ("offers", "word"),
    [
        ({}, "no ProviderBinding"),
        ({"ready": False}, "Authorize it again"),
        ({"suspended": True}, "suspended"),
        ({"limits": {"allowedServiceAccounts": ["another"]}}, "not offered"),
    ],
)
def test_pending_says_what_prevents_a_grant(make, offers, word):
    known = {"snowflake": make.offer(**offers)} if offers else {}

    status = decide(make.facts(make.session(), offers=known)).status

    assert status.state is SessionState.PENDING
    assert word in status.message
    assert status.grant_hash is None
    assert status.approve_with == ""


def test_a_binding_whose_new_generation_was_not_looked_at_counts_as_unchecked(make):
    binding = make.binding()
    newer = msgspec.structs.replace(binding, metadata=msgspec.structs.replace(binding.metadata, generation=2))

    status = decide(make.facts(make.session(), offers={"snowflake": make.offered(newer)})).status

    assert "has not been checked yet" in status.message


def test_what_was_shown_is_taken_back_when_it_cannot_be_granted_any_more(make):
    shown = make.shown()

    status = decide(make.facts(shown, offers={"snowflake": make.offer(ready=False)})).status

    assert (status.state, status.grant_hash, status.approve_with) == (SessionState.PENDING, None, "")


def test_an_approval_of_what_was_shown_activates(make):
    status = decide(make.facts(make.approved(make.shown()), seconds=100.7)).status

    assert status.state is SessionState.ACTIVE
    assert status.expires_at == make.at(100) + timedelta(minutes=15)
    assert status.activated_at == make.at(100.7)
    assert status.approved_by == "alice@example.com"


@pytest.mark.parametrize("given", ["g1-aaaaaaaaaaaaaaaaaaaaaaaaaa", None], ids=["another hash", "no hash"])
def test_an_approval_of_anything_else_does_not(make, given):
    approved = make.approved(make.shown(), grantHash=given)

    assert state(decide(make.facts(approved))) is SessionState.GRANT_CHANGED


def test_an_approval_with_a_hash_that_nobody_was_shown_does_not(make):
    approved = make.approved(make.session(), grantHash=make.shown().status.grant_hash)

    assert state(decide(make.facts(approved))) is SessionState.GRANT_CHANGED


def test_a_binding_that_changed_between_approval_and_activation_changes_the_grant(make):
    approved = make.approved(make.shown())
    smaller = make.offer(limits={"maxAccess": "Write", "maxDuration": "5m"})

    assert state(decide(make.facts(approved, offers={"snowflake": smaller}))) is SessionState.GRANT_CHANGED


def test_an_approved_session_waits_as_pending_for_its_connection_and_keeps_what_was_approved(make):
    approved = make.approved(make.shown())

    status = decide(make.facts(approved, offers={"snowflake": make.offer(ready=False)})).status
    waiting = msgspec.structs.replace(approved, status=status)

    assert status.state is SessionState.PENDING
    assert status.approved_at == make.at(10)
    assert state(decide(make.facts(waiting))) is SessionState.ACTIVE


@pytest.mark.parametrize("by", ["system:serviceaccount:team:robot", "system:kube-scheduler", "system:node:n1", ""])
def test_an_approver_who_is_no_person_is_refused_whatever_let_it_through(make, by):
    approved = make.approved(make.shown(), by=by)

    assert state(decide(make.facts(approved))) is SessionState.POLICY_CHANGED


class TestPolicies:
    def test_without_a_recent_look_the_guard_is_asked_first(self, make):
        unknown = PolicyFacts(fresh=False, in_force=False, changed_at=make.at(-3600))

        decision = decide(make.facts(make.approved(make.shown()), policies=unknown))

        assert decision.needs_policies
        assert decision.status is None

    def test_while_not_in_force_nothing_becomes_active(self, make):
        broken = PolicyFacts(fresh=True, in_force=False, problem="it is gone", changed_at=make.at(-3600))

        status = decide(make.facts(make.approved(make.shown()), policies=broken)).status

        assert status.state is SessionState.AWAITING_APPROVAL
        assert "it is gone" in status.message
        assert status.approved_at is not None

    @pytest.mark.parametrize("seconds", [0, 5])
    def test_a_change_since_the_creation_ends_the_request(self, make, seconds):
        changed = PolicyFacts(fresh=True, in_force=True, changed_at=make.at(seconds))

        for session in (make.session(), make.shown(), make.approved(make.shown())):
            assert state(decide(make.facts(session, policies=changed))) is SessionState.POLICY_CHANGED

    def test_a_change_before_the_creation_does_not(self, make):
        changed = PolicyFacts(fresh=True, in_force=True, changed_at=make.at(-1))

        assert state(decide(make.facts(make.session(), policies=changed))) is SessionState.AWAITING_APPROVAL


class TestTime:
    def test_nobody_decided(self, make):
        assert state(decide(make.facts(make.shown(), seconds=3600))) is SessionState.REQUEST_TIMED_OUT
        assert decide(make.facts(make.shown(), seconds=3599)).status is None

    def test_pending_ends_too(self, make):
        assert state(decide(make.facts(make.session(), seconds=3600, offers={}))) is SessionState.REQUEST_TIMED_OUT

    def test_an_approval_first_seen_after_the_deadline_is_too_late(self, make):
        approved = make.approved(make.shown())

        assert state(decide(make.facts(approved, seconds=3600))) is SessionState.REQUEST_TIMED_OUT

    @pytest.mark.parametrize(("seconds", "expected"), [(3900, "Active"), (4200, "RequestTimedOut")])
    def test_one_seen_in_time_has_the_activation_window(self, make, seconds, expected):
        approved = make.approved(make.shown())
        seen = decide(make.facts(approved, seconds=3500, offers={"snowflake": make.offer(ready=False)})).status
        waiting = msgspec.structs.replace(approved, status=seen)

        assert state(decide(make.facts(waiting, seconds=seconds))) == expected

    def test_the_deadline_is_not_moved_by_other_settings(self, make):
        shown = make.shown()
        rules = type(make.rules)(**{**_fields(make.rules), "request_timeout": timedelta(hours=5)})

        assert state(decide(make.facts(shown, seconds=3600, rules=rules))) is SessionState.REQUEST_TIMED_OUT

    def test_wake_up_times(self, make):
        shown = make.shown()
        assert wake_at(shown, make.rules) == make.at(3600)
        assert wake_at(make.approved(shown), make.rules) == make.at(4200)
        assert wake_at(make.approved(make.session(), grantHash=None), make.rules) == make.at(60)
        assert wake_at(make.active(), make.rules) == make.at(10 + 900)


class TestBornApproved:
    def born(self, make, **spec):
        return make.approved(make.session(**spec), grantHash=None)

    def test_of_bindings_that_were_there_it_becomes_active_at_once(self, make):
        status = decide(make.facts(self.born(make), seconds=2)).status

        assert status.state is SessionState.ACTIVE
        assert status.grant_hash.startswith("g1-")

    def test_until_it_is_too_old(self, make):
        assert state(decide(make.facts(self.born(make), seconds=60))) is SessionState.REQUEST_TIMED_OUT

    @pytest.mark.parametrize("since", [0.5, 3])
    def test_of_a_binding_made_or_changed_afterwards_it_does_not(self, make, since):
        offers = {"snowflake": make.offer(since=since)}

        assert state(decide(make.facts(self.born(make), offers=offers))) is SessionState.GRANT_CHANGED

    def test_of_a_missing_binding_it_waits_and_is_not_shown_for_another_approval(self, make):
        status = decide(make.facts(self.born(make), offers={})).status

        assert status.state is SessionState.PENDING
        assert status.approve_with == ""


class TestAgents:
    def test_of_its_own_requests_only_the_cap_waits(self, make):
        waiting = [make.shown(make.session(f"r{number}", requestedBy=AGENT)) for number in range(3)]

        decision = decide(make.facts(make.session(requestedBy=AGENT), siblings=waiting))

        assert state(decision) is SessionState.TOO_MANY_REQUESTS

    def test_requests_whose_first_write_is_under_way_count(self, make):
        others = [make.session(f"r{number}", requestedBy=AGENT) for number in range(3)]
        mine = make.session(requestedBy=AGENT)

        assert state(decide(make.facts(mine, siblings=others))) is SessionState.AWAITING_APPROVAL
        admitted = {each.metadata.uid for each in others}
        assert state(decide(make.facts(mine, siblings=others, admitted=admitted))) is SessionState.TOO_MANY_REQUESTS

    def test_requests_of_people_are_neither_counted_nor_capped(self, make):
        by_people = [make.shown(make.session(f"r{number}")) for number in range(3)]
        by_agent = [make.shown(make.session(f"a{number}", requestedBy=AGENT)) for number in range(3)]

        mine = make.session(requestedBy=AGENT)
        assert state(decide(make.facts(mine, siblings=by_people))) is SessionState.AWAITING_APPROVAL
        assert state(decide(make.facts(make.session(), siblings=by_agent))) is SessionState.AWAITING_APPROVAL

    def test_what_waits_already_is_not_ended_by_a_later_one(self, make):
        others = [make.shown(make.session(f"r{number}", requestedBy=AGENT)) for number in range(5)]
        mine = make.shown(make.session(requestedBy=AGENT))

        assert decide(make.facts(mine, siblings=others)).status is None

    def test_shared_is_for_people(self, make):
        mine = make.session(requestedBy=AGENT, agent={"serviceAccountName": "agent", "shared": True})

        assert state(decide(make.facts(mine))) is SessionState.PENDING

    def test_a_pod_must_be_connected_as_that_service_account_until_it_was_shown(self, make):
        agent = {"serviceAccountName": "agent", "podUID": "uid-pod"}
        mine, pod = make.session(requestedBy=AGENT, agent=agent), BoundPod(name="pod", uid="uid-pod")

        assert state(decide(make.facts(mine))) is SessionState.PENDING
        shown = make.shown(mine, pod=pod)
        assert shown.status.state is SessionState.AWAITING_APPROVAL
        again = decide(make.facts(shown, pod=None))
        assert again.status is None or again.status.state is SessionState.AWAITING_APPROVAL

    def test_a_pod_that_is_gone_ends_its_request(self, make):
        mine = make.shown(make.session(agent={"serviceAccountName": "agent", "podUID": "uid-pod"}))

        assert state(decide(make.facts(mine, pod_gone=True))) is SessionState.POD_GONE


def test_revocation_comes_before_approval(make):
    approved = make.approved(make.shown())
    both = msgspec.structs.replace(
        approved, spec=msgspec.structs.replace(approved.spec, revocation=Revocation(by="carol@example.com"))
    )

    status = decide(make.facts(both)).status

    assert (status.state, status.ended_by) == (SessionState.REVOKED, "carol@example.com")


def test_a_denial_holds_however_late_it_is_seen(make):
    denied = make.approved(make.shown(), decision="Denied", grantHash=None)

    decision = decide(make.facts(denied, seconds=90_000))

    assert state(decision) is SessionState.DENIED
    assert decision.happening.warning


def test_a_session_that_is_being_deleted_is_withdrawn(make):
    shown = make.shown()
    going = msgspec.structs.replace(
        shown, metadata=msgspec.structs.replace(shown.metadata, deletion_timestamp=make.at(5))
    )

    assert state(decide(make.facts(going))) is SessionState.WITHDRAWN


def _fields(rules):
    return {name: getattr(rules, name) for name in rules.__dataclass_fields__}
