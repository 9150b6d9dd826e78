"""Sentences that a person decides by say neither more nor less than the grant."""

import dataclasses

import pytest

import pipes_catalog
from pipes_catalog import http

PREFIXES = tuple(f"/v1/{'x' * 500}{number}" for number in range(32))


def _summary(make, prefixes, **bindings):
    (request,) = pipes_catalog.load().tools("http")
    tool = http.with_prefixes(request, prefixes)
    offer = dataclasses.replace(make.offer(), catalog="http", tools={"snowflake_request": tool})
    session = make.session(bindings=[{"name": "snowflake", **bindings}])
    return make.shown(session, offers={"snowflake": offer}).status.summary


def test_every_path_under_which_the_binding_says_that_a_get_only_reads_is_shown(make):
    (line,) = [each for each in _summary(make, PREFIXES) if " under " in each]

    assert line.startswith("Of snowflake_request only GET and HEAD under /v1/x")
    assert all(prefix in line for prefix in PREFIXES)


def test_with_write_access_paths_mean_nothing(make):
    assert not [each for each in _summary(make, PREFIXES, access="Write") if " under " in each]


@pytest.mark.parametrize(("asked", "said"), [({}, ""), ({"limits": {"maxCalls": 1}}, " At most 1 call.")])
def test_single_calls_are_not_said_to_be_unlimited(make, asked, said):
    call = {"tool": "create", "arguments": "{}"}
    session = make.session(bindings=[{"name": "snowflake", "access": "Write", "calls": [call]}], **asked)

    assert make.shown(session).status.summary[-1] == f"For 15m, counted from activation.{said}"
