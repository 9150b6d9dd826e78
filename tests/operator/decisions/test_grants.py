"""From request to grant: ceilings cut, approvals narrow, and nothing ever widens."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipes_api import durations
from pipes_api.grant import grant_hash
from pipes_api.resources import Access, Approval, ApprovedBinding, Limits
from pipes_catalog.definition import ToolAccess
from pipes_operator.decisions import grants


def granted(make, offers=None, **spec):
    return grants.requested(make.session(**spec), offers or {"snowflake": make.offer()}, make.rules.longest, {})


def test_without_named_tools_every_tool_that_the_access_covers_is_granted(make):
    read = granted(make, bindings=[{"name": "snowflake"}]).grant.bindings[0]
    write = granted(make, bindings=[{"name": "snowflake", "access": "Write"}]).grant.bindings[0]

    assert set(read.tools) == {"snowflake_query", "snowflake_list"}
    assert set(write.tools) == {"snowflake_query", "snowflake_list", "snowflake_create"}


def test_catalog_and_advertised_names_mean_the_same_tools_and_the_same_hash(make):
    one = granted(make, bindings=[{"name": "snowflake", "tools": ["query"]}]).grant
    other = granted(make, bindings=[{"name": "snowflake", "tools": ["snowflake_query"]}]).grant

    assert list(one.bindings[0].tools) == ["snowflake_query"]
    assert grant_hash(one) == grant_hash(other)


def test_a_named_tool_that_the_access_does_not_cover_is_left_out_and_said(make):
    found = granted(make, bindings=[{"name": "snowflake", "tools": ["query", "create"]}])

    assert list(found.grant.bindings[0].tools) == ["snowflake_query"]
    assert "snowflake_create" in found.cuts[0]


def test_nothing_but_such_tools_cannot_be_granted(make):
    found = granted(make, bindings=[{"name": "snowflake", "tools": ["create"]}])

    assert found.grant is None
    assert "no tool" in found.problems[0]


def test_every_problem_is_told_at_once(make):
    found = granted(make, bindings=[{"name": "nowhere"}, {"name": "snowflake", "tools": ["quarry"]}])

    assert len(found.problems) == 2


def test_ceilings_cut_access_duration_and_calls(make):
    limits = {"maxAccess": "Read", "maxDuration": "10m", "maxCalls": 5}
    found = granted(
        make,
        {"snowflake": make.offer(limits=limits)},
        bindings=[{"name": "snowflake", "access": "Write"}],
        duration="2h",
        limits={"maxCalls": 9, "maxWrites": 2},
    )

    assert found.grant.bindings[0].access is Access.READ
    assert found.grant.duration == 600
    assert found.grant.limits == Limits(max_calls=5, max_writes=2)
    assert len(found.cuts) == 3


def test_no_session_lasts_longer_than_the_installation_allows(make):
    found = grants.requested(make.session(duration="2h"), {"snowflake": make.offer()}, timedelta(minutes=3), {})

    assert found.grant.duration == 180
    assert "cut to 3m" in found.cuts[0]


@pytest.mark.parametrize(
    "approval",
    [
        {"bindings": [{"name": "another"}]},
        {"bindings": [{"name": "snowflake", "tools": ["create"]}]},
        {"bindings": [{"name": "snowflake", "tools": ["quarry"]}]},
        {"duration": "forever"},
    ],
)
def test_an_approval_that_leaves_nothing_grants_nothing(make, approval):
    grant = granted(make).grant
    session = make.approved(make.session(), grantHash="g1-aaaaaaaaaaaaaaaaaaaaaaaaaa", **approval)

    assert grants.narrowed(grant, session.spec.approval, {"snowflake": make.offer()}) is None


NAMES = st.sampled_from(["snowflake", "drive", "other"])
TOOLS = st.sampled_from(["query", "list", "create", "snowflake_query", "drive_create", "quarry"])
LIMIT = st.none() | st.integers(1, 20)
LIMITS = st.builds(Limits, max_calls=LIMIT, max_writes=LIMIT)
CHOSEN = st.none() | st.lists(TOOLS, min_size=1, max_size=4).map(tuple)
APPROVED = st.builds(ApprovedBinding, name=NAMES, access=st.none() | st.sampled_from(Access), tools=CHOSEN)
APPROVALS = st.builds(
    Approval,
    decision=st.just("Approved"),
    by=st.just("alice@example.com"),
    duration=st.none() | st.sampled_from(["1m", "20m", "3h", "24h"]),
    bindings=st.none() | st.lists(APPROVED, min_size=1, max_size=3, unique_by=lambda each: each.name).map(tuple),
    limits=st.none() | LIMITS,
)
REQUESTS = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES, "access": st.sampled_from(["Read", "Write"])},
        optional={"tools": st.lists(st.sampled_from(["query", "list", "create"]), min_size=1, max_size=3)},
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda each: each["name"],
)


@given(
    request=REQUESTS,
    approval=APPROVALS,
    limits=LIMITS,
    duration=st.sampled_from(["5m", "1h", "24h"]),
    ceilings=st.tuples(st.sampled_from(["Read", "Write"]), st.none() | st.sampled_from(["2m", "2h"]), LIMIT),
)
def test_an_effective_grant_is_within_request_ceilings_and_approval(request, approval, limits, duration, ceilings):
    make = _make()
    access, longest, calls = ceilings
    spec = {"limits": {"maxAccess": access, "maxDuration": longest, "maxCalls": calls}}
    offers = {name: make.offer(name, **spec) for name in ("snowflake", "drive")}
    session = make.session(bindings=request, duration=duration)
    asked = grants.requested(session, offers, make.rules.longest, {}).grant
    if asked is None:
        return

    left = grants.narrowed(asked, approval, offers)

    if left is None:
        return
    assert left.duration <= min(
        durations.parse(each) for each in (duration, longest, approval.duration) if each is not None
    )
    for ours, theirs in ((left.limits.max_calls, calls), (left.limits.max_calls, _calls(approval.limits))):
        assert theirs is None or (ours is not None and ours <= theirs)
    wanted = {each["name"]: each for each in request}
    kept = {each.name: each for each in approval.bindings or ()}
    for binding in left.bindings:
        before = asked.binding(binding.name)
        assert before is not None
        assert binding.tools.items() <= before.tools.items()
        assert before.access.covers(binding.access)
        assert Access(access).covers(binding.access)
        assert Access(wanted[binding.name]["access"]).covers(binding.access)
        if approval.bindings is not None:
            assert kept[binding.name].access is None or kept[binding.name].access.covers(binding.access)
        if binding.access is Access.READ:
            used = [offers[binding.name].tools[name] for name in binding.tools]
            assert all(each.access is not ToolAccess.WRITE for each in used)


def _calls(limits):
    return limits.max_calls if limits is not None else None


def _make():
    # A fixture would be shared by all examples, which hypothesis warns of for good reasons.
    return _CACHE[0]


_CACHE = []


@pytest.fixture(autouse=True)
def _remember(make):
    _CACHE[:] = [make]
