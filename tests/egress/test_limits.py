"""Bounded in size, time and reach, whatever a provider answers."""

import asyncio
import gzip
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from egress_support import API_KEY, World, data, egress_world, told
from pipes_egress.egress import Egress
from pipes_egress.mapping.build import Outgoing
from pipes_egress.settings import EgressSettings
from pipes_egress.transport.answers import AnswerUnreadable, read_bounded
from pipes_egress.transport.client import NotSent, Transport

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def search(world: World, **options: Any) -> str:
    result = await world.call("google-drive", "search", {"query": "plan"}, **options)
    assert result.is_error
    assert result.denial is None
    return told(result)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"effect": "huge", "megabytes": 40}, "longer than"),
        ({"effect": "gzip_bomb", "megabytes": 1_000}, "longer than"),
        ({"effect": "html"}, "cannot be understood"),
        ({"effect": "truncated_json"}, "cannot be understood"),
        ({"effect": "cut"}, "does not answer"),
        ({"effect": "reset"}, "does not answer"),
        ({"status": 500}, "out of order"),
        ({"status": 503}, "out of order"),
    ],
)
async def test_an_answer_that_is_no_answer_is_an_error_with_advice(
    world: World, fault: dict[str, object], says: str
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await world.sandbox.fault(match={"host": "www.googleapis.com"}, **fault)

    assert says in await search(world)
    # The sandbox makes its bombs in this process too, so this only tells that nothing was held in full.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600 * 1024


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_its_target_not_shown(world: World, status: int) -> None:
    headers = {"Location": "https://evil.example/?token=canary"}
    await world.sandbox.fault(match={"host": "www.googleapis.com"}, status=status, headers=headers)
    text = await search(world)

    assert "redirect" in text
    assert "evil" not in text
    assert len(await world.sandbox.calls(service="google-drive")) == 1


async def test_a_short_wait_that_is_asked_for_is_honoured(world: World) -> None:
    await world.sandbox.fault(match={"host": "www.googleapis.com"}, status=429, headers={"Retry-After": "1"}, times=1)
    result = await world.call("google-drive", "search", {"query": "plan"})
    first, second = await world.sandbox.calls(service="google-drive")

    assert not result.is_error
    assert second["monotonic"] - first["monotonic"] >= 1.0


async def test_a_long_wait_is_told_instead_of_waited_for(world: World) -> None:
    await world.sandbox.fault(match={"host": "www.googleapis.com"}, status=429, headers={"Retry-After": "600"})
    text = await search(world)

    assert "Try again in 600 s" in text
    assert len(await world.sandbox.calls(service="google-drive")) == 1


async def test_a_write_is_never_repeated_by_itself(world: World) -> None:
    await world.sandbox.fault(match={"service": "salesforce"}, status=503, headers={"Retry-After": "0"})
    result = await world.call("salesforce", "create", {"object": "Contact", "fields": {"LastName": "Once"}})

    assert result.is_error
    assert len(await world.sandbox.calls(service="salesforce")) == 1


async def test_a_write_without_an_answer_is_told_as_of_unknown_outcome(world: World) -> None:
    await world.sandbox.fault(match={"service": "salesforce"}, effect="reset", stage="after")
    result = await world.call("salesforce", "create", {"object": "Contact", "fields": {"LastName": "Perhaps"}})

    assert "Whether it was done is not known" in told(result)
    assert len(await world.sandbox.calls(service="salesforce")) == 1


async def test_a_provider_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async with egress_world(tmp_path, silence_seconds=0.1) as world:
        await world.call("google-drive", "search", {"query": "plan"})
        await world.sandbox.fault(match={"host": "www.googleapis.com"}, effect="hang")
        assert "said nothing" in await search(world)


async def test_an_answer_that_never_ends_is_given_up(tmp_path: Path) -> None:
    async with egress_world(tmp_path, answer_seconds=0.2) as world:
        await world.sandbox.fault(match={"host": "www.googleapis.com"}, effect="endless")
        assert "did not end" in await search(world)
        call = await world.sandbox.wait_for(lambda call: call["service"] == "google-drive")
        assert call["fault"] == "endless"


async def test_pipes_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    async with egress_world(tmp_path, vend_seconds=0.1) as world:
        await world.sandbox.fault(match={"host": "api.workos.com"}, effect="hang")
        result = await world.call("google-drive", "search", {"query": "plan"})

    assert result.denial is not None
    assert "in time" in result.denial.message


async def test_a_call_over_its_time_is_cancelled_at_the_provider_too(tmp_path: Path) -> None:
    async with egress_world(tmp_path, call_seconds=2) as world:
        # What is prepared once must not use up the time of the call that is looked at.
        await world.egress.warm()
        await world.call("snowflake", "query", {"statement": "SELECT 1"})
        result = await world.call("snowflake", "query", {"statement": "SELECT SYSTEM$WAIT(30)"})
        await world.sandbox.wait_for(lambda call: call["path"].endswith("/cancel"))

    assert result.is_error
    assert "longer than 2 s" in told(result)


async def test_neither_cookies_nor_the_callers_headers_travel(world: World) -> None:
    await world.sandbox.fault(
        match={"host": "www.googleapis.com"}, status=500, headers={"Set-Cookie": "a=b; Path=/"}, times=1
    )
    data(await world.call("google-drive", "search", {"query": "plan"}))

    for call in await world.sandbox.calls(service="google-drive"):
        assert "Cookie" not in call["headers"]
        assert set(call["headers"]) <= {
            *("Accept", "Accept-Encoding", "Authorization", "Host", "User-Agent", "Pipes-Sandbox-Host"),
        }


async def test_without_a_sandbox_a_private_address_is_not_dialled() -> None:
    """The host is allowed by name, and its name resolves to this machine."""
    reached = []

    async def handler(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with Transport(EgressSettings()) as transport:
            with pytest.raises(NotSent, match="may be dialled"):
                await transport.send("localhost", Outgoing("GET", "/", {}, None))
    finally:
        await runner.cleanup()
    assert reached == []


async def test_a_missing_key_file_is_told_without_its_path(tmp_path: Path) -> None:
    async with egress_world(tmp_path) as world:
        settings = EgressSettings(sandbox=world.settings.sandbox, workos_key_file=tmp_path / "nowhere")
        async with Egress(settings) as egress:
            result = await egress.execute(world.request("google-drive", "search", {"query": "x"}))

    assert result.denial is not None
    assert "API key" in result.denial.message
    assert str(tmp_path) not in told(result)
    assert API_KEY not in repr(settings)


async def chunks(body: bytes, size: int = 1_000) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def test_gzip_is_read_in_any_pieces_and_members() -> None:
    text = b"some text " * 5_000
    body = gzip.compress(text[:20_000]) + gzip.compress(text[20_000:])

    assert await read_bounded(chunks(body, 7), "gzip", 100_000) == text


@pytest.mark.parametrize(
    ("body", "encoding", "limit", "says"),
    [
        (b"x" * 101, "", 100, "longer"),
        (gzip.compress(b"x" * 10_000, mtime=0), "gzip", 9_999, "longer"),
        (gzip.compress(b"", mtime=0) * 100, "gzip", 1_000, "longer"),
        (gzip.compress(b"x" * 10_000, mtime=0)[:-20], "gzip", 20_000, "middle"),
        (b"no gzip at all", "gzip", 1_000, "not gzip"),
        (b"x", "br", 1_000, "not asked for"),
    ],
)
async def test_what_is_too_long_or_not_as_it_says_is_refused(body: bytes, encoding: str, limit: int, says: str) -> None:
    with pytest.raises(AnswerUnreadable, match=says):
        await read_bounded(chunks(body), encoding, limit)


async def test_one_sessions_calls_leave_room_for_anothers(tmp_path: Path) -> None:
    async with egress_world(tmp_path, session_calls=2, connections_per_host=3) as world:
        await world.sandbox.fault(match={"host": "www.googleapis.com"}, effect="hang", times=2)
        greedy = [asyncio.create_task(search(world, session="greedy")) for _ in range(6)]
        for _ in range(2):
            await world.sandbox.wait_for(lambda call: call["host"] == "www.googleapis.com")
        async with asyncio.timeout(20):
            result = await world.call("google-drive", "search", {"query": "plan"}, session="other")

        assert data(result)
        assert not any(each.done() for each in greedy)
        for each in greedy:
            each.cancel()
        await asyncio.gather(*greedy, return_exceptions=True)
