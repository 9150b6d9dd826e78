"""An Active status is believed as far as request and approval go, and no further."""

from datetime import timedelta

import msgspec
import pytest

from pipes_api.states import SessionState
from pipes_operator.decisions.decide import decide


def forged(session, **status):
    return msgspec.structs.replace(session, status=msgspec.structs.replace(session.status, **status))


def with_grant(session, change):
    grant = msgspec.json.decode(msgspec.json.encode(session.status.grant))
    change(grant)
    return forged(session, grant=grant)


def state(make, session, **over):
    status = decide(make.facts(session, **over)).status
    return None if status is None else status.state


@pytest.fixture
def active(make):
    return make.active(make.session(bindings=[{"name": "snowflake", "tools": ["query"]}], limits={"maxCalls": 5}))


def test_what_the_operator_wrote_is_believed(make, active):
    assert state(make, active) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda grant: grant.update(uid="uid-other"),
        lambda grant: grant["agent"].update(serviceAccountName="other"),
        lambda grant: grant.update(duration=86_400),
        lambda grant: grant["limits"].update(maxCalls=6),
        lambda grant: grant.pop("limits"),
        lambda grant: grant["bindings"][0].update(access="Write"),
        lambda grant: grant["bindings"][0].update(name="salesforce"),
        lambda grant: grant["bindings"][0]["tools"].update(snowflake_create="x"),
    ],
    ids=["uid", "agent", "duration", "budget", "no budget", "access", "binding", "tool"],
)
def test_a_grant_beyond_the_request_ends_the_session(make, active, change):
    assert state(make, with_grant(active, change)) is SessionState.ENDED


def test_an_end_beyond_the_grant_ends_the_session_now(make, active):
    later = active.status.expires_at + timedelta(hours=5)

    assert state(make, forged(active, expires_at=later)) is SessionState.ENDED


def test_a_status_without_an_approval_ends_the_session(make, active):
    spec = msgspec.structs.replace(active.spec, approval=None)

    assert state(make, msgspec.structs.replace(active, spec=spec)) is SessionState.ENDED


def test_a_grant_beyond_the_approvals_narrowing_ends_the_session(make, active):
    narrower = {"bindings": [{"name": "snowflake", "tools": ["list"]}]}
    approved = make.approved(active, **narrower)

    assert state(make, approved) is SessionState.ENDED


def test_a_status_that_this_operator_did_not_write_ends_the_session(make, active):
    assert state(make, active, activated_here=False) is SessionState.ENDED
