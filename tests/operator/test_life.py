"""From a request to each of its ends, on a real API server."""

import pytest

pytestmark = pytest.mark.apiserver


def test_an_approved_request_becomes_active_for_exactly_its_duration(team):
    team.ask()
    shown = team.state("s1", "AwaitingApproval")["status"]
    assert shown["grantHash"].startswith("g1-")
    assert any("Only read from snowflake" in line for line in shown["summary"])

    team.approve()

    active = team.state("s1", "Active")
    assert active["status"]["approvedBy"] == "alice@example.com"
