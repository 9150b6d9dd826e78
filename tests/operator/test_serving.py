"""Probes, metrics, and an operator that serves listed namespaces only."""

import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipes_api import manifests

pytestmark = pytest.mark.apiserver


def read(operator, path):
    try:
        with urllib.request.urlopen(operator.health + path, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_probes_say_that_all_is_well(operator):
    assert read(operator, "/healthz") == (200, "ok\n")
    assert read(operator, "/readyz") == (200, "ok\n")


def test_metrics_count_sessions_by_state_and_start_at_nothing(team, operator):
    team.active()

    families = {each.name: each for each in text_string_to_metric_families(read(operator, "/metrics")[1])}

    states = {each.labels["state"]: each.value for each in families["pipes_sessions"].samples}
    assert states["Active"] >= 1
    turns = [each for each in families["pipes_session_transitions"].samples if each.name.endswith("_total")]
    assert {each.labels["state"] for each in turns} == set(states)
    assert families["pipes_operator_leader"].samples[0].value == 1
    assert families["pipes_operator_view_age_seconds"].samples[0].value < 10


def test_sessions_do_not_add_series(team, operator):
    before = read(operator, "/metrics")[1].count("\n")
    for number in range(20):
        team.ask(f"s{number}")
    team.state("s19", "AwaitingApproval")

    assert read(operator, "/metrics")[1].count("\n") == before


def test_listed_namespaces_are_served_and_no_others(bed, own_operator):
    ours, others = bed.team(), bed.team()
    bed.cluster.apply(*manifests.heartbeats(ours.namespace))
    own_operator(namespaces=[ours.namespace])
    others.bind()
    others.ask()
    ours.bind()
    ours.ready()
    ours.active()

    assert "status" not in others.session()
    assert "status" not in others.binding("snowflake")


def test_a_listed_namespace_without_heartbeats_is_never_ready(bed, own_operator):
    team = bed.team()
    operator = bed.launch(namespaces=[team.namespace])
    try:
        operator.await_words("pipes-heartbeat")
        assert not operator.is_ready()
    finally:
        operator.kill()


def test_logs_hold_neither_key_nor_tokens(team, bed, operator):
    team.active()
    said = operator.log.read_text()

    assert bed.key_file.read_text() not in said
    assert "eyJ" not in said
