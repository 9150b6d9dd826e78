"""The broker: two tokens, live state, and the end of a session that reaches what is under way."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker_support import Brokered, binding_view, running_broker, session_view
from cluster import Cluster
from egress_support import API_KEY
from pipes_api import messages
from pipes_api.clock import boottime
from pipes_api.names import BROKER_AUDIENCE, OPERATOR_AUDIENCE
from pipes_api.reasons import Reason
from pipes_api.resources import Access, Limits
from pipes_api.states import SessionState

pytestmark = pytest.mark.apiserver

QUERY = {"binding": "snowflake", "tool": "snowflake_query", "arguments": {"statement": "SELECT 1"}}


@pytest.fixture
async def brokered(cluster: Cluster, namespace: str, tmp_path: Path) -> AsyncIterator[Brokered]:
    async with running_broker(cluster, namespace, tmp_path) as made:
        yield made


async def test_a_call_of_a_live_session_is_executed(brokered: Brokered) -> None:
    result = await brokered.query(brokered.session(), "SELECT 7 AS n")

    assert not result.is_error
    assert '"rows":[[7]]' in result.content[0]["text"]
    assert result.access is Access.READ


async def test_progress_comes_before_the_result(brokered: Brokered) -> None:
    body = {**QUERY, "arguments": {"statement": "SELECT SYSTEM$WAIT(0.3)"}}
    lines = await brokered.lines(brokered.token(brokered.session()), body)

    assert [next(iter(line)) for line in lines[:-1]] == ["progress"] * (len(lines) - 1)
    assert len(lines) > 1
    assert "result" in lines[-1]


async def status_of(brokered: Brokered, token: str, body: Any = QUERY, projected: str | None = None) -> int:
    async with brokered.request(token, body, projected=projected) as response:
        return int(response.status)


async def test_tokens_of_other_audiences_and_makers_prove_nobody(brokered: Brokered, cluster: Cluster) -> None:
    session = brokered.session()
    token = brokered.token(session)
    for audience in (OPERATOR_AUDIENCE, None):
        other = await asyncio.to_thread(cluster.pod_token, brokered.namespace, "agent", audience)
        assert await status_of(brokered, token, projected=other) == 401
    header, payload, _ = brokered.projected.split(".")
    assert await status_of(brokered, token, projected=f"{header}.{payload}.AAAA") == 401
    assert await status_of(brokered, token, projected=token) == 401
    assert await status_of(brokered, brokered.projected) == 401
    assert await brokered.sandbox.calls() == []


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "at+jwt"}).encode()).decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


async def test_session_tokens_that_are_not_the_operators_are_turned_away(brokered: Brokered) -> None:
    token = brokered.token(brokered.session())
    for bad in ("", "x", unsigned(token), token[:-6] + "AAAAAA", token + "."):
        assert await status_of(brokered, bad) == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"pod": "another-pod"},
        {"aud": "pipes-operator"},
        {"iss": "https://elsewhere.example"},
        {"sub": "system:serviceaccount:elsewhere:analyst"},
        {"sid": "another-session"},
        {"exp": 1},
        {"grantHash": "g1-other"},
    ],
)
async def test_a_session_token_that_does_not_fit_is_denied(brokered: Brokered, claims: dict[str, Any]) -> None:
    session = brokered.session()
    result = await brokered.query(session, "SELECT 1", token=brokered.token(session, **claims))

    assert result.denial is not None
    assert await brokered.sandbox.calls() == []


async def test_a_session_token_is_worth_nothing_in_another_pod(brokered: Brokered, cluster: Cluster) -> None:
    await asyncio.to_thread(cluster.create_pod, brokered.namespace, "thief", "analyst")
    stolen = await asyncio.to_thread(cluster.pod_token, brokered.namespace, "thief", BROKER_AUDIENCE)
    result = await brokered.query(brokered.session(), "SELECT 1", projected=stolen)

    assert result.denial is not None
    assert await brokered.sandbox.calls() == []


async def test_the_broker_judges_by_itself_what_a_read_grant_allows(brokered: Brokered) -> None:
    result = await brokered.query(brokered.session(access=Access.READ), "DELETE FROM crm.public.contacts")

    assert result.denial is not None
    assert result.denial.reason is Reason.WRITE_NOT_ALLOWED
    assert await brokered.sandbox.calls() == []


async def test_revocation_denies_what_is_under_way_and_cancels_it_at_the_provider(brokered: Brokered) -> None:
    session = brokered.session()
    task = asyncio.create_task(brokered.query(session, "SELECT SYSTEM$WAIT(30)"))
    await brokered.sandbox.wait_for(lambda call: call["method"] == "GET" and call["service"] == "snowflake")
    brokered.service.change(session.uid, state=SessionState.REVOKED, live=False, ended_by="alice@example.com")
    async with asyncio.timeout(2):
        result = await task

    assert result.denial is not None
    assert result.denial.reason is Reason.SESSION_REVOKED
    assert "alice@example.com" in result.denial.message
    await brokered.sandbox.wait_for(lambda call: call["path"].endswith("/cancel"))


async def test_revocation_does_not_wait_for_a_provider_that_is_silent(brokered: Brokered) -> None:
    session = brokered.session("salesforce")
    await brokered.sandbox.fault(match={"service": "salesforce"}, effect="hang")
    body = {"binding": "salesforce", "tool": "salesforce_list_objects", "arguments": {}}
    task = asyncio.create_task(brokered.lines(brokered.token(session), body))
    call = await brokered.sandbox.wait_for(lambda call: call["service"] == "salesforce")
    brokered.service.drop(session.uid)
    async with asyncio.timeout(2):
        (line,) = await task

    assert line["result"]["denial"]["reason"] in ("SessionRevoked", "SessionRequired")
    assert call["status"] is None


async def test_suspending_the_binding_ends_what_is_under_way(brokered: Brokered) -> None:
    session = brokered.session()
    task = asyncio.create_task(brokered.query(session, "SELECT SYSTEM$WAIT(30)"))
    await brokered.sandbox.wait_for(lambda call: call["method"] == "GET" and call["service"] == "snowflake")
    brokered.service.put(binding_view(brokered.namespace, "snowflake", suspended=True))
    async with asyncio.timeout(2):
        result = await task

    assert result.denial is not None
    assert result.denial.reason is Reason.BINDING_SUSPENDED


async def test_a_gateway_that_hangs_up_cancels_the_call(brokered: Brokered) -> None:
    task = asyncio.create_task(brokered.query(brokered.session(), "SELECT SYSTEM$WAIT(30)"))
    await brokered.sandbox.wait_for(lambda call: call["method"] == "GET" and call["service"] == "snowflake")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await brokered.sandbox.wait_for(lambda call: call["path"].endswith("/cancel"))


async def test_without_news_a_call_ends_when_the_view_does(brokered: Brokered) -> None:
    session = brokered.session()
    task = asyncio.create_task(brokered.query(session, "SELECT SYSTEM$WAIT(30)"))
    await brokered.sandbox.wait_for(lambda call: call["method"] == "GET" and call["service"] == "snowflake")
    soon = messages.Heartbeat(clock=boottime(), now=datetime.now(UTC), view_until=boottime() + 0.3)
    brokered.service.say(soon)
    async with asyncio.timeout(5):
        result = await task

    assert result.denial is not None
    assert result.denial.reason is Reason.LEASE_EXPIRED


async def test_a_session_the_broker_hears_of_a_moment_later_is_waited_for(brokered: Brokered) -> None:
    session = session_view(brokered.namespace, brokered.pod_uid, "snowflake")
    call = asyncio.create_task(brokered.query(session, "SELECT 1"))
    await asyncio.sleep(0.1)
    assert not call.done()
    brokered.service.put(binding_view(brokered.namespace, "snowflake"))
    brokered.service.put(session)

    assert not (await call).is_error


async def test_a_session_that_has_ended_is_denied_without_waiting(brokered: Brokered) -> None:
    session = brokered.session()
    await brokered.query(session, "SELECT 1")
    await brokered.change(session.uid, state=SessionState.EXPIRED, live=False)
    async with asyncio.timeout(1):
        result = await brokered.query(session, "SELECT 1")

    assert result.denial is not None
    assert result.denial.reason is Reason.SESSION_EXPIRED


async def test_a_budget_is_taken_before_the_send_and_its_end_is_told(brokered: Brokered) -> None:
    brokered.service.budget = 2
    session = brokered.session(limits=Limits(max_calls=2))
    results = [await brokered.query(session, f"SELECT {number}") for number in range(3)]

    assert [result.denial.reason if result.denial else None for result in results] == [
        None,
        None,
        Reason.BUDGET_EXHAUSTED,
    ]
    assert len(await brokered.sandbox.calls(path="/api/v2/statements")) == 2


async def test_a_verdict_on_a_token_is_remembered_and_no_token_passes_without_one(
    brokered: Brokered, cluster: Cluster
) -> None:
    session = brokered.session()
    await brokered.query(session, "SELECT 1")
    await asyncio.to_thread(cluster.create_pod, brokered.namespace, "second", "analyst")
    unknown = await asyncio.to_thread(cluster.pod_token, brokered.namespace, "second", BROKER_AUDIENCE)
    await asyncio.to_thread(cluster.pause_apiserver)
    try:
        assert not (await brokered.query(session, "SELECT 2")).is_error
        assert await status_of(brokered, brokered.token(session), projected=unknown) == 503
    finally:
        await asyncio.to_thread(cluster.resume_apiserver)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"binding": "a", "tool": "b"}', 400),
        ({**QUERY, "reserved": True}, 400),
        ({**QUERY, "more": 1}, 400),
        (b'{"binding": "snowflake", "tool": "snowflake_query", "arguments": {"statement": "\xff"}}', 400),
        (b" " * (9 * 1024 * 1024), 413),
        (json.dumps({**QUERY, "arguments": {"a": [[]] * 200_000}}).encode(), 413),
    ],
)
async def test_a_body_that_is_no_call_is_turned_away(brokered: Brokered, body: Any, status: int) -> None:
    assert await status_of(brokered, brokered.token(brokered.session()), body) == status


async def test_every_decision_is_one_line_and_holds_no_secret(
    brokered: Brokered, capsys: pytest.CaptureFixture[str]
) -> None:
    session = brokered.session(access=Access.READ)
    await brokered.query(session, "SELECT 'password-canary'")
    await brokered.query(session, "DELETE FROM crm.public.contacts WHERE name = 'password-canary'")

    captured = capsys.readouterr()
    entries = [json.loads(line) for line in captured.out.splitlines()]
    assert [(each["decision"], each.get("reason")) for each in entries] == [
        ("allowed", None),
        ("denied", "WriteNotAllowed"),
    ]
    assert all(each["sessionUID"] == session.uid and len(each["argumentsSHA256"]) == 64 for each in entries)
    for secret in ("password-canary", API_KEY, brokered.projected):
        assert secret not in captured.out + captured.err


async def test_health_says_what_is_missing_and_metrics_count(brokered: Brokered) -> None:
    await brokered.query(brokered.session(), "SELECT 1; SELECT 2")
    base = f"http://127.0.0.1:{brokered.broker.health_port}"
    async with brokered.http.get(f"{base}/readyz") as ready, brokered.http.get(f"{base}/metrics") as metrics:
        assert ready.status == 200
        assert 'pipes_broker_calls_total{reason="ArgumentsNotAllowed"} 1.0' in await metrics.text()


async def test_the_certificate_is_renewed_without_a_restart(brokered: Brokered) -> None:
    before = brokered.broker.certificate.expires_at
    await brokered.broker.certificate.renew()

    assert brokered.broker.certificate.expires_at >= before
    assert not (await brokered.query(brokered.session(), "SELECT 1")).is_error
    asked = [each for each in brokered.service.requests if isinstance(each, messages.CertificateRequest)]
    assert len({each.csr for each in asked}) == len(asked) == 2
