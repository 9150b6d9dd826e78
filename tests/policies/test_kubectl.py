"""The same with the kubectl that people use: what it prints, and which of its ways work."""

import json
from typing import Any

import pytest
import yaml

from cluster import Cluster
from policies.stage import ALICE, BOB, DAVE, GRANT_HASH, Stage, check

pytestmark = pytest.mark.apiserver

APPROVAL = {"decision": "Approved", "grantHash": GRANT_HASH}


def test_apply_of_an_approval_client_side(stage: Stage) -> None:
    name = stage.awaiting()
    by = {} if stage.stamping else {"by": ALICE}
    manifest = json.dumps(stage.document("AgentSession", name, {"approval": {**APPROVAL, **by}}))
    applied = stage.cluster.run_kubectl("apply", "-f", "-", user=ALICE, stdin=manifest)
    assert f"agentsession.pipesmcp.io/{name} configured" in applied.stdout
    again = stage.cluster.run_kubectl("apply", "--server-side", "-f", "-", user=ALICE, stdin=manifest, check=False)
    assert stage.get("AgentSession", name)["spec"]["approval"]["by"] == ALICE
    assert "unchanged" in again.stdout or again.returncode == 0 or "conflict" in again.stderr


def test_server_side_apply_of_a_yaml_approval(stamped: Stage) -> None:
    name = stamped.awaiting()
    manifest = yaml.safe_dump(stamped.document("AgentSession", name, {"approval": APPROVAL}))
    for _ in range(2):
        applied = stamped.cluster.run_kubectl("apply", "--server-side", "-f", "-", user=ALICE, stdin=manifest)
        assert f"agentsession.pipesmcp.io/{name} serverside-applied" in applied.stdout


def test_a_refusal_reads_well(stamped: Stage) -> None:
    manifest = json.dumps(stamped.document("AgentSession", stamped.awaiting(), {"approval": APPROVAL}))
    refused = stamped.cluster.run_kubectl(
        "apply", "--server-side", "-f", "-", user=DAVE, stdin=manifest, check=False
    ).stderr
    assert "dave@example.com lacks the verb approve on providerbinding drive" in refused
    session = json.dumps(stamped.session(stamped.name(), duration="1d"))
    refused = stamped.cluster.run_kubectl("create", "-f", "-", user=BOB, stdin=session, check=False).stderr
    assert 'spec.duration: Invalid value: "1d": write hours, minutes and seconds like 15m, 1h or 1h30m' in refused


def test_a_field_written_wrong_is_refused_and_not_dropped(stamped: Stage) -> None:
    session = json.dumps(stamped.session(stamped.name(), bindngs=[]))
    refused = stamped.cluster.run_kubectl("create", "-f", "-", user=BOB, stdin=session, check=False).stderr
    assert 'unknown field "spec.bindngs"' in refused


def test_her_manifest_applied_client_side_does_not_land_on_another_session(stage: Stage) -> None:
    name = stage.awaiting(asked_by=BOB, bindings=[{"name": "drive", "access": "Write"}])
    by = {} if stage.stamping else {"by": ALICE}
    approved = {"approval": {"decision": "Approved", **by}}
    manifest = json.dumps(stage.session(name, bindings=[{"name": "snowflake"}], **approved))
    refused = stage.cluster.run_kubectl("apply", "-f", "-", user=ALICE, stdin=manifest, check=False)
    assert refused.returncode != 0
    assert "bindings cannot change after the request was made" in refused.stderr
    assert "approval" not in stage.get("AgentSession", name)["spec"]


def test_deleting_all_takes_the_right_for_each(stage: Stage) -> None:
    name = stage.approved()
    arguments = ("delete", "agentsessions", "--all", "--wait=false", "--namespace", stage.namespace)
    refused = stage.cluster.run_kubectl(*arguments, user=BOB, check=False).stderr
    assert "lacks the verb revoke on agentsessions: only an undecided request may be withdrawn" in refused
    assert stage.get("AgentSession", name)


def test_columns_and_field_selectors(pipes_cluster: Cluster) -> None:
    stage = Stage(pipes_cluster, stamping=True)
    name = stage.awaiting(reason="weekly report")
    pod = {"name": "analyst-1", "uid": "0b1cbd1e-0000-4000-8000-000000000000"}
    shown: dict[str, Any] = {"providers": "snowflake, drive", "access": "Write", "calls": "3/10", "boundPod": pod}
    check(stage.set_status(name, expiresAt="2030-01-01T00:00:00Z", **shown), None)
    check(stage.create(BOB, stage.session(stage.name())), None)
    get = ("get", "asn", "--namespace", stage.namespace, "--field-selector", "status.state=AwaitingApproval")
    narrow = stage.cluster.run_kubectl(*get, user=ALICE).stdout.splitlines()
    assert narrow[0].split() == ["NAME", "STATE", "AGENT", "PROVIDERS", "ACCESS", "EXPIRES", "CALLS", "AGE"]
    assert len(narrow) == 2
    row = [name, "AwaitingApproval", "agent", "snowflake,", "drive", "Write", "2030-01-01T00:00:00Z", "3/10"]
    assert narrow[1].split()[:-1] == row
    wide = stage.cluster.run_kubectl(*get, "-o", "wide", user=ALICE).stdout
    assert wide.splitlines()[0].split()[-3:] == ["REASON", "HASH", "POD"]
    assert "weekly report" in wide
    assert GRANT_HASH in wide
    assert "analyst-1" in wide
    by_agent = (
        "get",
        "asn",
        "-n",
        stage.namespace,
        "--field-selector",
        "spec.agent.serviceAccountName=other",
        "-o",
        "name",
    )
    assert stage.cluster.run_kubectl(*by_agent, user=ALICE).stdout == ""


def test_columns_of_a_binding(stamped: Stage) -> None:
    name = stamped.bound()
    conditions = [
        {"type": "Connected", "status": "True", "reason": "Connected"},
        {"type": "Ready", "status": "False", "reason": "UnknownTool", "message": "x"},
    ]
    account = {"id": "a", "displayName": "ALICE@ACME"}
    check(stamped.set_status(name, kind="ProviderBinding", conditions=conditions, account=account), None)
    shown = stamped.cluster.run_kubectl("get", "pb", name, "-o", "wide", "-n", stamped.namespace, user=ALICE).stdout
    head, row = shown.splitlines()
    columns = ["NAME", "PROVIDER", "CONNECTED", "READY", "SUSPENDED", "AGE", "REASON", "ACCESS", "ACCOUNT"]
    assert head.split() == columns
    assert row.split()[:5] == [name, "snowflake", "True", "False", "false"]
    assert "UnknownTool" in row
    assert "ALICE@ACME" in row


def test_both_kinds_by_their_category(stamped: Stage) -> None:
    asked = stamped.cluster.run_kubectl("get", "pipes", "-n", stamped.namespace, "-o", "name", user=ALICE).stdout
    assert "agentsession.pipesmcp.io/" in asked


def test_waiting_for_a_condition(stamped: Stage) -> None:
    name = stamped.approved()
    ready = {"type": "Ready", "status": "True", "reason": "Active", "lastTransitionTime": "2030-01-01T00:00:00Z"}
    check(stamped.set_status(name, state="Active", conditions=[ready]), None)
    wait = ("wait", f"asn/{name}", "--for=condition=Ready", "--timeout=5s", "-n", stamped.namespace)
    assert "condition met" in stamped.cluster.run_kubectl(*wait, user=ALICE).stdout


def test_explain_says_what_to_write(stamped: Stage) -> None:
    approval = stamped.cluster.run_kubectl("explain", "asn.spec.approval").stdout
    assert "A person's decision, written once, while status.state is AwaitingApproval" in approval
    assert "enum: Approved, Denied" in approval
    assert "The status.grantHash of what was reviewed" in approval
    limits = " ".join(stamped.cluster.run_kubectl("explain", "pb.spec.limits.maxDuration").stdout.split())
    assert "in hours, minutes and seconds, like 15m, 1h or 1h30m; between 1m and 24h" in limits
