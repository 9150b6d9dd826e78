"""The client of the session service: a stream that comes back, requests that fail in two ways only, trust in one CA."""

import asyncio
import logging
import os
from pathlib import Path

import msgspec
import pytest

from live import things
from live.conftest import until
from live.session_service import SessionServiceServer, SigningKey, serving_certificate
from pipes_api import messages
from pipes_api.messages import CreateSession, Failure, Reserve
from pipes_api.resources import RequestedBinding
from pipes_api.states import SessionState
from pipes_live.client import SessionService
from pipes_live.errors import Refused, Unreachable
from pipes_live.settings import ServiceSettings
from pipes_live.tokens import TokenInvalid
from pipes_live.transport import Transport
from pipes_live.view import LiveView

ASK = CreateSession(reason="report", bindings=(RequestedBinding(name="snowflake"),), duration="15m")


async def test_the_snapshot_and_what_comes_after_it_are_in_the_view(
    server: SessionServiceServer, view: LiveView
) -> None:
    assert view.connected
    assert view.identity.pod_uid == "pod-1"
    server.put(things.session())
    await until(view, lambda: view.token("session-1") is not None)
    assert view.verifier.verify(view.token("session-1") or "").sid == "session-1"
    server.change("session-1", state=SessionState.REVOKED, live=False)
    await until(view, lambda: view.token("session-1") is None)


async def test_a_cut_stream_comes_back_and_leases_go_on_meanwhile(server: SessionServiceServer, view: LiveView) -> None:
    server.put(things.session())
    await until(view, lambda: view.lease_until("session-1") is not None)
    lease = view.lease_until("session-1")
    server.answers_watch = False
    server.cut()
    await until(view, lambda: not view.connected)
    assert view.lease_until("session-1") == lease
    server.answers_watch = True
    await until(view, lambda: view.connected)
    assert server.watches >= 2


async def test_a_stream_that_falls_silent_is_given_up(server: SessionServiceServer, settings: ServiceSettings) -> None:
    hasty = SessionService(_with(settings, silence_seconds=0.1))
    task = asyncio.create_task(hasty.run(pause=lambda _: asyncio.sleep(0.01)))
    async with asyncio.timeout(5):
        while server.watches < 3:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await hasty.close()


async def test_goodbye_and_lines_that_are_no_messages_open_a_new_stream(
    server: SessionServiceServer, view: LiveView
) -> None:
    for odd in (messages.Goodbye(reason="token ends"), b'{"type":"session"}\n', b"not json\n"):
        before = server.watches
        server.say(odd)
        async with asyncio.timeout(5):
            while server.watches == before or not view.connected:
                await asyncio.sleep(0.005)


async def test_an_event_of_a_newer_service_is_passed_over(server: SessionServiceServer, view: LiveView) -> None:
    server.say(b'{"type":"somethingNew","x":1}\n')
    server.put(things.session())
    await until(view, lambda: view.session("session-1") is not None)
    assert server.watches == 1


async def test_a_grant_with_a_field_we_do_not_know_allows_nothing_and_hides_nothing_else(
    server: SessionServiceServer, view: LiveView
) -> None:
    newer = msgspec.to_builtins(messages.SessionChanged(session=things.session(uid="newer")))
    newer["session"]["grant"]["restrict"] = {"query": {}}
    server.say(msgspec.json.encode(newer) + b"\n")
    server.put(things.session())
    await until(view, lambda: view.session("session-1") is not None)
    session = view.session("newer")
    assert session is not None
    assert session.grant is None
    known = view.session("session-1")
    assert known is not None
    assert known.grant is not None


async def test_the_token_file_is_read_anew_for_every_stream(server: SessionServiceServer, view: LiveView) -> None:
    renewed = server.token_file.with_suffix(".new")
    renewed.write_text("renewed-token")
    os.replace(renewed, server.token_file)
    server.cut()
    await until(view, lambda: not view.connected)
    await until(view, lambda: view.connected)


async def test_requests_carry_what_was_asked_and_bring_back_the_session(
    server: SessionServiceServer, client: SessionService, view: LiveView
) -> None:
    created = await client.create(ASK)
    assert created.created
    assert server.requests == [ASK]
    again = await client.create(ASK)
    assert (again.created, again.session.uid) == (False, created.session.uid)
    await client.end(created.session.name, created.session.uid)
    await until(view, lambda: (s := view.session(created.session.uid)) is not None and s.state is SessionState.ENDED)
    assert (await client.reserve("s", Reserve(uid="u", calls=5))).calls == 5


async def test_a_refusal_is_typed_and_keeps_its_words(server: SessionServiceServer, client: SessionService) -> None:
    server.refuse_with = Failure(reason="TooManyRequests", message="3 wait already", remedy="Wait.")
    with pytest.raises(Refused) as refused:
        await client.create(ASK)
    assert (refused.value.failure, refused.value.status) == (server.refuse_with, 409)


async def test_a_refused_token_is_a_refusal_too(server: SessionServiceServer, settings: ServiceSettings) -> None:
    wrong = server.token_file.with_name("wrong")
    wrong.write_text("wrong")
    async with SessionService(_with(settings, token_file=wrong)) as service:
        with pytest.raises(Refused, match="the token is not valid"):
            await service.create(ASK)


async def test_another_ca_is_not_trusted(settings: ServiceSettings, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    serving_certificate(other)
    async with SessionService(_with(settings, ca_file=other / "ca.crt")) as service:
        with pytest.raises(Unreachable, match="certificate"):
            await service.create(ASK)


async def test_a_certificate_for_another_name_is_not_trusted(settings: ServiceSettings) -> None:
    url = settings.url.replace("127.0.0.1", "localhost")
    async with SessionService(_with(settings, url=url)) as service:
        with pytest.raises(Unreachable, match="localhost"):
            await service.create(ASK)


def test_plain_http_is_refused(settings: ServiceSettings) -> None:
    with pytest.raises(ValueError, match="must be an https URL"):
        Transport(_with(settings, url="http://127.0.0.1:1"))


@pytest.mark.parametrize("missing", ["token_file", "ca_file"])
async def test_a_file_that_cannot_be_read_is_unreachable_not_a_crash(
    settings: ServiceSettings, tmp_path: Path, missing: str
) -> None:
    async with SessionService(_with(settings, **{missing: tmp_path / "none"})) as service:
        with pytest.raises(Unreachable):
            await service.create(ASK)


async def test_a_service_that_is_down_is_unreachable(server: SessionServiceServer, client: SessionService) -> None:
    await server.stop()
    with pytest.raises(Unreachable):
        await client.create(ASK)


async def test_an_unknown_key_is_asked_for_once(
    server: SessionServiceServer, client: SessionService, view: LiveView
) -> None:
    server.key = SigningKey()
    token = server.token(things.session())
    assert (await client.verify(token)).sid == "session-1"
    server.key = SigningKey()
    with pytest.raises(TokenInvalid, match="unknownKey"):
        await client.verify(server.token(things.session()))


async def test_no_token_is_in_the_log(
    server: SessionServiceServer, view: LiveView, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.put(things.session())
    await until(view, lambda: view.token("session-1") is not None)
    server.say(b'{"type":"session","session":{"token":"eyJhbGciOi"}}\n')
    await until(view, lambda: not view.connected)
    await until(view, lambda: view.connected)
    assert "eyJ" not in caplog.text
    assert "projected-token" not in caplog.text


def _with(settings: ServiceSettings, **changes: object) -> ServiceSettings:
    given = {name: getattr(settings, name) for name in ServiceSettings.__slots__}
    return ServiceSettings(**{**given, **changes})
