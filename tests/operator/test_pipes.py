"""Asking Pipes: every answer the sandbox can be made to give, the hostile ones included."""

import aiohttp
import pytest

from pipes_api.resources import Connection, ConnectionOwner
from pipes_operator.decisions.reports import Word
from pipes_operator.services.pipes import Pipes, PipesUnavailable
from pipes_sandbox.server import running
from pipes_sandbox.settings import Settings

ADMIN = "admin-token-of-the-tests"
ALICE = Connection(user_id="user_alice")


@pytest.fixture
async def sandbox():
    async with running(Settings(port=0, admin_token=ADMIN)) as endpoints:
        yield endpoints.url


@pytest.fixture
async def pipes(sandbox, tmp_path):
    made = Pipes("https://api.workos.com", _key(tmp_path), sandbox, seconds=0.5)
    yield made
    await made.close()


def _key(folder, key="sk_test_sandbox"):
    file = folder / "key"
    file.write_text(key)
    return file


async def fault(sandbox, **what):
    body = {"faults": [{"match": {"path": "/user_management/*"}, **what}]}
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {ADMIN}"}) as http,
        http.put(f"{sandbox}/_sandbox/faults", json=body) as answer,
    ):
        assert answer.status < 300, await answer.text()


async def test_a_connected_account(pipes):
    report = await pipes.look("snowflake", ALICE)

    assert report.word is Word.CONNECTED
    assert report.account.id == "data_installation_snowflake_alice"
    assert report.user_id == "user_alice"
    assert "session:role:ANALYST" in report.scopes


@pytest.mark.parametrize(
    ("provider", "connection", "word"),
    [
        ("salesforce", Connection(user_id="user_bob"), Word.NEEDS_REAUTHORIZATION),
        ("snowflake", Connection(user_id="user_bob"), Word.NOT_CONNECTED),
        ("nonesuch", ALICE, Word.UNKNOWN_PROVIDER),
        ("snowflake", Connection(user_id="../organizations/org_acme"), Word.NOT_CONNECTED),
        (
            "snowflake",
            Connection(user_id="user_alice", organization_id="org_acme", owner=ConnectionOwner.ORGANIZATION),
            Word.CONNECTED,
        ),
    ],
)
async def test_what_pipes_knows(pipes, provider, connection, word):
    assert (await pipes.look(provider, connection)).word is word


@pytest.mark.parametrize(
    "what",
    [
        {"status": 500},
        {"status": 502, "body": "<html>Bad gateway</html>"},
        {"status": 200, "body": "<html>Maintenance</html>", "headers": {"Content-Type": "text/html"}},
        {"status": 200, "body": ""},
        {"status": 200, "body": "[]"},
        {"status": 200, "body": "{}"},
        {"status": 200, "body": '{"state": "connected", "id": 7}'},
        {"delay": 3},
        {"effect": "truncated_json"},
        {"effect": "cut"},
        {"effect": "reset"},
        {"effect": "hang"},
        {"effect": "endless"},
        {"effect": "huge", "megabytes": 20},
        {"effect": "gzip_bomb", "megabytes": 200},
    ],
    ids=lambda what: "-".join(map(str, what.values())),
)
async def test_no_usable_answer_is_no_answer(pipes, sandbox, what):
    await fault(sandbox, **what)

    with pytest.raises(PipesUnavailable):
        await pipes.look("snowflake", ALICE)


async def test_how_long_to_wait_is_heeded(pipes, sandbox):
    await fault(sandbox, status=429, headers={"Retry-After": "17"})

    with pytest.raises(PipesUnavailable) as caught:
        await pipes.look("snowflake", ALICE)
    assert caught.value.retry_after == 17


async def test_a_long_answer_is_read_to_its_end(pipes, sandbox):
    body = '{"state": "connected", "id": "a", "padding": "' + "x" * 900_000 + '"}'
    await fault(sandbox, status=200, body=body)
    assert (await pipes.look("snowflake", ALICE)).account.id == "a"

    await fault(sandbox, status=200, body=body + " " * 300_000)
    with pytest.raises(PipesUnavailable):
        await pipes.look("snowflake", ALICE)


async def test_no_scopes_at_all_are_scopes_that_pipes_does_not_know(pipes, sandbox):
    await fault(sandbox, status=200, body='{"state": "connected", "id": "a", "auth_method": "oauth", "scopes": []}')
    assert (await pipes.look("snowflake", ALICE)).scopes is None


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ({"status": 401, "body": '{"message": "bad key"}'}, Word.KEY_REFUSED),
        ({"status": 403, "body": "{}"}, Word.KEY_REFUSED),
        ({"status": 409, "body": '{"code": "account_selection_required"}'}, Word.SELECTION_REQUIRED),
        ({"status": 418, "body": "{}"}, Word.UNKNOWN_STATE),
        ({"status": 302, "headers": {"Location": "http://169.254.169.254/"}}, Word.UNKNOWN_STATE),
        ({"status": 200, "body": '{"state": "on_holiday", "id": "a"}'}, Word.UNKNOWN_STATE),
        ({"status": 200, "body": '{"id": "a"}'}, Word.UNKNOWN_STATE),
    ],
    ids=["401", "403", "409", "unknown status", "redirect", "unknown state", "no state"],
)
async def test_what_is_not_understood_is_not_connected(pipes, sandbox, what, word):
    await fault(sandbox, **what)

    assert (await pipes.look("snowflake", ALICE)).word is word


async def test_the_key_is_read_again_and_never_told(sandbox, tmp_path):
    key = _key(tmp_path, "sk_test_canary_wrong")
    pipes = Pipes("https://api.workos.com", key, sandbox)
    try:
        refused = await pipes.look("snowflake", ALICE)
        assert refused.word is Word.KEY_REFUSED
        assert "canary" not in repr(refused)
        _key(tmp_path)
        assert (await pipes.look("snowflake", ALICE)).word is Word.CONNECTED
        key.unlink()
        with pytest.raises(PipesUnavailable):
            await pipes.look("snowflake", ALICE)
    finally:
        await pipes.close()


async def test_an_unreachable_pipes_is_no_answer(tmp_path):
    pipes = Pipes("https://api.workos.com", _key(tmp_path), "http://127.0.0.1:9")
    try:
        with pytest.raises(PipesUnavailable):
            await pipes.look("snowflake", ALICE)
    finally:
        await pipes.close()
