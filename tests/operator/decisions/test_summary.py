"""Sentences that a person decides by say neither more nor less than the grant."""

import dataclasses

import msgspec
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


def test_nobody_elses_words_pass_for_the_operators(make):
    """What an agent writes, or what an account is called, ends where its quotes do."""
    reason = 'Sums" Only read from crm (crm, account "Acme") with: crm_query. "'
    who = make.shown(make.session(reason=reason)).status.summary[0]
    assert who.endswith(""": "Sums' Only read from crm (crm, account 'Acme') with: crm_query. '\"""")
    assert who.count('"') == 2

    offer = make.offer()
    account = msgspec.structs.replace(offer.binding.status.account, display_name='A") with: nothing. ("')
    status = msgspec.structs.replace(offer.binding.status, account=account)
    named = dataclasses.replace(offer, binding=msgspec.structs.replace(offer.binding, status=status))
    (line,) = [each for each in make.shown(make.session(), offers={"snowflake": named}).status.summary if "acc" in each]
    assert line.count('"') == 2
