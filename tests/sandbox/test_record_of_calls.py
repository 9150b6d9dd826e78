"""The observer's record: complete, in time, and without secrets."""

from __future__ import annotations

import asyncio
import concurrent.futures
import http.client
import json
import socket
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from pipes_sandbox.recorder import Recorder
from pipes_sandbox.server import running
from pipes_sandbox.settings import Settings


def test_a_call_is_recorded_with_whose_credential_it_carried(sandbox: Any) -> None:
    token = sandbox.token("snowflake")
    before = time.time()
    sandbox.sql("SELECT 1", token=token, query="requestId=abc")
    vend, call = sandbox.calls(since=0)[-2:]
    assert (vend["service"], vend["token"]["kind"], vend["status"]) == ("pipes", "api_key", 200)
    assert (call["service"], call["host"]) == ("snowflake", "acme-eu1.snowflakecomputing.com")
    assert (call["method"], call["path"], call["query"]) == ("POST", "/api/v2/statements", "requestId=abc")
    assert json.loads(call["body"]) == {"statement": "SELECT 1"}
    assert (call["status"], call["finished"], call["aborted"], call["fault"]) == (200, True, False, None)
    assert call["token"]["user_id"] == "user_alice"
    assert call["token"]["connected_account_id"] == "data_installation_snowflake_alice"
    assert before - 1 < call["at"] < time.time() + 1
    assert call["duration_ms"] > 0


def test_no_credential_is_in_the_record_or_the_state(sandbox: Any) -> None:
    token = sandbox.token("snowflake")
    sandbox.sql("SELECT 1", token=token)
    sandbox.pipes(
        "POST",
        "/user_management/users/user_alice/connected_accounts/asana",
        {"access_token": "gho_secret", "refresh_token": "ghr_secret"},
    )
    shown = json.dumps([sandbox.admin("GET", "/calls"), sandbox.admin("GET", "/state")])
    for secret in (token, "gho_secret", "ghr_secret", "sk_test_of_these_tests", "admin-token-of-these-tests"):
        assert secret not in shown


def test_the_path_is_recorded_as_sent(sandbox: Any) -> None:
    host = sandbox.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=5)
    connection.putrequest("GET", "/drive/v3/files/..%2F..%2Fabout?fields=%2a", skip_accept_encoding=True)
    connection.putheader("Pipes-Sandbox-Host", "www.googleapis.com")
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()
    (call,) = sandbox.calls(since=0)
    assert (call["path"], call["query"]) == ("/drive/v3/files/..%2F..%2Fabout", "fields=%2a")


def test_a_call_is_on_record_before_it_is_answered(sandbox: Any) -> None:
    token = sandbox.token("snowflake")
    seen = sandbox.calls(since=0)[-1]["seq"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(sandbox.sql, "SELECT SYSTEM$WAIT(0.25)", token=token)
        (call,) = sandbox.calls(since=seen, wait=10)
        assert (call["status"], call["finished"]) == (None, False)
        answer.result()
    (call,) = sandbox.calls(since=seen)
    assert call["finished"] is True


def test_a_client_that_goes_away_is_told_from_an_answer(sandbox: Any) -> None:
    sandbox.admin("PUT", "/faults", {"faults": [{"match": {"service": "pipes"}, "effect": "hang"}]})
    host, port = sandbox.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"GET /data-integrations HTTP/1.1\r\nHost: x\r\n\r\n")
        (call,) = sandbox.calls(since=0, wait=10)
        assert call["aborted"] is False
    for _ in range(200):
        (call,) = sandbox.calls(since=0)
        if call["aborted"]:
            break
        time.sleep(0.01)
    assert (call["aborted"], call["finished"], call["status"]) == (True, False, None)


def test_calls_are_filtered_and_reset(sandbox: Any) -> None:
    sandbox.sql("SELECT 1")
    sandbox.pipes("GET", "/data-integrations")
    assert {call["service"] for call in sandbox.calls(since=0)} == {"pipes", "snowflake"}
    assert [call["service"] for call in sandbox.calls(since=0, service="snowflake")] == ["snowflake"]
    last = sandbox.admin("GET", "/calls")["last_seq"]
    sandbox.admin("DELETE", "/calls")
    after = sandbox.admin("GET", "/calls")
    assert (after["total"], after["calls"], after["last_seq"]) == (0, [], last)


def test_counts_stay_true_when_the_ring_overflows() -> None:
    async def fill() -> dict[str, Any]:
        recorder = Recorder(3)
        for _ in range(5):
            recorder.arrived(service="s", host="", method="GET", path="/", query="", headers={}, token=None)
        return recorder.since(0)

    answer = asyncio.run(fill())
    assert (answer["total"], answer["dropped"], answer["last_seq"]) == (5, 2, 5)
    assert [call["seq"] for call in answer["calls"]] == [3, 4, 5]


def test_a_long_body_is_cut_but_measured(sandbox: Any) -> None:
    sandbox.sql("SELECT '" + "x" * 100_000 + "'")
    (call,) = sandbox.calls(since=0, service="snowflake")
    assert len(call["body"]) == 64 * 1024
    assert call["body_bytes"] > 100_000


def test_nobody_serves_an_unknown_host_or_path(unchanged: Any) -> None:
    answer = unchanged.request("GET", "/drive/v3/files", headers={"Pipes-Sandbox-Host": "evil.example"})
    assert answer.status == 502
    assert "evil.example" in answer.json()["message"]
    assert unchanged.request("GET", "/nowhere").status == 502


def test_the_named_host_decides_not_the_path(unchanged: Any) -> None:
    answer = unchanged.request("GET", "/drive/v3/files", headers={"Pipes-Sandbox-Host": "api.workos.com"})
    assert (answer.status, answer.json()) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize("path", ["/calls", "/state", "/faults"])
def test_the_admin_endpoint_needs_its_token(unchanged: Any, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer sk_test_of_these_tests"}):
        assert unchanged.request("GET", f"/_sandbox{path}", headers=headers).status == 401
    assert unchanged.request("GET", "/healthz").json() == {"status": "ok"}


async def test_several_sandboxes_live_side_by_side_and_apart() -> None:
    def status(url: str, key: str) -> int:
        request = urllib.request.Request(f"{url}/data-integrations", headers={"Authorization": f"Bearer {key}"})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    async with running(Settings(port=0, api_key="one")) as first, running(Settings(port=0, api_key="two")) as second:
        assert await asyncio.to_thread(status, first.url, "one") == 200
        assert await asyncio.to_thread(status, second.url, "one") == 401
