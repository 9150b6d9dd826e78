"""Every trouble that can be asked for really happens."""

from __future__ import annotations

import gzip
import http.client
import socket
import time
from typing import Any

import pytest

INTEGRATIONS = "/data-integrations"


def provoke(sandbox: Any, *faults: dict[str, Any]) -> None:
    sandbox.admin("PUT", "/faults", {"faults": list(faults)})


def test_a_status_with_headers_and_body_strikes_as_often_as_asked(sandbox: Any) -> None:
    provoke(
        sandbox,
        {
            "match": {"service": "pipes"},
            "times": 2,
            "status": 429,
            "headers": {"Retry-After": "7"},
            "body": {"message": "slow down"},
        },
    )
    for _ in range(2):
        answer = sandbox.pipes("GET", INTEGRATIONS)
        assert (answer.status, answer.headers["Retry-After"], answer.json()) == (429, "7", {"message": "slow down"})
    assert sandbox.pipes("GET", INTEGRATIONS).status == 200
    (fault,) = sandbox.admin("GET", "/faults")["faults"]
    assert (fault["times"], fault["struck"]) == (0, 2)
    assert [call["fault"] for call in sandbox.calls(since=0)] == ["respond", "respond", None]


@pytest.mark.parametrize(
    ("match", "strikes"),
    [
        ({"host": "*.snowflakecomputing.com"}, True),
        ({"host": "www.googleapis.com"}, False),
        ({"method": "GET"}, False),
        ({"path": "/api/v2/*"}, True),
        ({"query": "*requestId=7*"}, True),
        ({"body": "*needle*"}, True),
        ({"body": "*haystack*"}, False),
        ({"service": "snowflake", "path": "/api/v2/statements/*"}, False),
    ],
)
def test_a_fault_strikes_what_matches(sandbox: Any, match: dict[str, str], strikes: bool) -> None:
    token = sandbox.token("snowflake")
    provoke(sandbox, {"match": match, "status": 503})
    answer = sandbox.sql("SELECT 'needle'", token=token, query="requestId=7")
    assert answer.status == (503 if strikes else 200)


def test_skip_lets_the_first_ones_pass(sandbox: Any) -> None:
    provoke(sandbox, {"skip": 1, "times": 1, "status": 500})
    assert [sandbox.pipes("GET", INTEGRATIONS).status for _ in range(3)] == [200, 500, 200]


def test_a_delay_alone_only_delays(sandbox: Any) -> None:
    provoke(sandbox, {"delay": 0.2})
    begun = time.monotonic()
    assert sandbox.pipes("GET", INTEGRATIONS).status == 200
    assert time.monotonic() - begun >= 0.2


def test_an_answer_lost_after_the_act_leaves_the_act_done(sandbox: Any) -> None:
    insert = "INSERT INTO staged VALUES (500, 'x')"
    token = sandbox.token("snowflake")
    provoke(sandbox, {"stage": "after", "times": 1, "status": 503}, {"stage": "before", "times": 1, "status": 503})
    assert sandbox.sql(insert, token=token).status == 503
    assert sandbox.sql(insert, token=token).status == 503
    assert sandbox.sql("SELECT COUNT(*) FROM staged WHERE id = 500", token=token).json()["data"] == [["1"]]


def test_garbage_of_every_kind(sandbox: Any) -> None:
    def body(effect: str) -> tuple[int, bytes]:
        provoke(sandbox, {"effect": effect, "status": 200})
        answer = sandbox.pipes("GET", INTEGRATIONS)
        return answer.status, answer.body

    assert b"<html>" in body("html")[1]
    assert body("empty") == (200, b"")
    assert not body("truncated_json")[1].endswith(b"}")


def test_a_huge_body_is_as_big_as_asked(sandbox: Any) -> None:
    provoke(sandbox, {"effect": "huge", "megabytes": 3})
    assert 3 * 1024 * 1024 <= len(sandbox.pipes("GET", INTEGRATIONS).body) < 3.1 * 1024 * 1024


def test_a_gzip_bomb_is_small_on_the_wire_and_valid(sandbox: Any) -> None:
    provoke(sandbox, {"effect": "gzip_bomb", "megabytes": 16})
    answer = sandbox.pipes("GET", INTEGRATIONS)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.body) < 100_000
    assert len(gzip.decompress(answer.body)) == 16 * 1024 * 1024


def _raw(sandbox: Any) -> socket.socket:
    host, port = sandbox.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=5)
    connection.sendall(b"GET /data-integrations HTTP/1.1\r\nHost: x\r\n\r\n")
    return connection


def test_an_endless_body_goes_on_until_the_reader_stops(sandbox: Any) -> None:
    provoke(sandbox, {"effect": "endless"})
    with _raw(sandbox) as connection:
        received = 0
        while received < 20_000:
            received += len(connection.recv(4096))
    (call,) = sandbox.calls(since=0)
    assert call["finished"] is False


def test_a_reset_is_a_reset(sandbox: Any) -> None:
    provoke(sandbox, {"effect": "reset"})
    with _raw(sandbox) as connection, pytest.raises(ConnectionResetError):
        connection.recv(4096)
    (call,) = sandbox.calls(since=0)
    assert (call["status"], call["fault"]) == (None, "reset")


def test_a_hanging_call_never_answers(sandbox: Any) -> None:
    provoke(sandbox, {"effect": "hang"})
    with _raw(sandbox) as connection:
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_cut_answer_ends_in_the_middle(sandbox: Any) -> None:
    provoke(sandbox, {"effect": "cut"})
    with pytest.raises(http.client.IncompleteRead):
        sandbox.pipes("GET", INTEGRATIONS)


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        ("not_installed", 200, {"active": False, "error": "not_installed"}),
        ("a_word_nobody_knows", 200, {"active": False, "error": "a_word_nobody_knows"}),
        ("account_selection_required", 409, {"code": "account_selection_required"}),
        ("auth_method_mismatch", 422, {"code": "auth_method_mismatch"}),
        ("forbidden", 403, {}),
    ],
)
def test_vending_fails_as_told(sandbox: Any, error: str, status: int, body: dict[str, Any]) -> None:
    provoke(sandbox, {"match": {"path": "/data-integrations/*/*"}, "effect": "vend_error", "error": error})
    for path in ("token", "credentials"):
        answer = sandbox.pipes("POST", f"/data-integrations/snowflake/{path}", {"user_id": "user_alice"})
        assert answer.status == status
        assert body.items() <= answer.json().items()


@pytest.mark.parametrize("state", ["needs_reauthorization", "disconnected"])
def test_an_account_changes_its_state_at_once(sandbox: Any, state: str) -> None:
    account = "data_installation_snowflake_alice"
    sandbox.admin("PATCH", f"/accounts/{account}", {"state": state})
    answer = sandbox.pipes("POST", "/data-integrations/snowflake/credentials", {"user_id": "user_alice"}).json()
    assert answer["active"] is False
    shown = sandbox.pipes("GET", "/user_management/users/user_alice/connected_accounts/snowflake").json()
    assert shown["state"] == state


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"effect": "explode"}, "unknown effect 'explode'"),
        ({"colour": "red"}, "unknown member 'colour'"),
        ({"match": {"colour": "red"}}, "cannot match by"),
        ({"delay": "long"}, "'delay' has the wrong type"),
        ({"stage": "during"}, "stage is before or after"),
        ("reset", "a fault is a JSON object"),
    ],
)
def test_a_fault_that_cannot_be_meant_is_refused_and_changes_nothing(sandbox: Any, fault: Any, words: str) -> None:
    provoke(sandbox, {"match": {"service": "pipes"}, "status": 500})
    headers = {"Authorization": "Bearer admin-token-of-these-tests"}
    answer = sandbox.request("PUT", "/_sandbox/faults", {"faults": [fault]}, headers=headers)
    assert answer.status == 400
    assert words in answer.json()["error"]
    assert sandbox.pipes("GET", INTEGRATIONS).status == 500


def test_faults_are_added_and_removed_one_by_one(sandbox: Any) -> None:
    sandbox.admin("POST", "/faults", {"status": 500, "times": 1})
    sandbox.admin("POST", "/faults", {"status": 503, "times": 1})
    assert [sandbox.pipes("GET", INTEGRATIONS).status for _ in range(3)] == [500, 503, 200]
    sandbox.admin("POST", "/faults", {"status": 500})
    sandbox.admin("DELETE", "/faults")
    assert sandbox.pipes("GET", INTEGRATIONS).status == 200


def test_the_admin_endpoint_itself_is_never_struck(sandbox: Any) -> None:
    provoke(sandbox, {"status": 500})
    assert sandbox.admin("GET", "/state")["faults"]


def test_a_reset_brings_the_seed_back(sandbox: Any) -> None:
    sandbox.sql("DELETE FROM contacts")
    sandbox.pipes("DELETE", "/user_management/users/user_alice/connected_accounts/snowflake")
    provoke(sandbox, {"status": 500})
    sandbox.admin("POST", "/reset")
    assert sandbox.sql("SELECT COUNT(*) FROM contacts").json()["data"] == [["240"]]
