"""A bearer is not needed in a pod; one that is shown must be of a live session of this very pod."""

import datetime as dt
from typing import Any

import pytest

from gateway.waiting import until_decided
from gateway.wire import Answer, Wire
from live import things
from live.session_service import SessionServiceServer, SigningKey
from pipes_api.states import SessionState
from pipes_gateway.app import Gateway

NOW = int(dt.datetime.now(dt.UTC).timestamp())


@pytest.fixture(autouse=True)
async def approved(gateway: Gateway, service: SessionServiceServer) -> None:
    service.put(things.session())
    await until_decided(gateway, "snowflake_query", None)


async def shown(wire: Wire, authorization: str) -> Answer:
    return await wire.modern("tools/list", request_id="b-1", Authorization=authorization)


async def test_the_token_of_the_live_session_passes(wire: Wire, service: SessionServiceServer) -> None:
    token = service.token(things.session())
    assert (await shown(wire, f"Bearer {token}")).status == 200
    assert (await shown(wire, f"bearer {token}")).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"pod": "pod-2"},
        {"sid": "session-2"},
        {"sub": "system:serviceaccount:team-a:admin"},
        {"aud": "pipes-broker"},
        {"aud": ["pipes-session"]},
        {"iss": "https://evil.example"},
        {"exp": NOW - 1},
        {"nbf": NOW + 300},
        {"iat": NOW + 300},
        {"grantHash": "g1-other"},
        {"extra": 1},
    ],
    # No moment in a name: processes that run tests side by side must all find the same ones.
    ids=lambda changes: "-".join(
        f"{name}-{value}" if isinstance(value, str) else name for name, value in changes.items()
    ),
)
async def test_a_well_signed_token_of_something_else_does_not(
    wire: Wire, service: SessionServiceServer, changes: dict[str, Any]
) -> None:
    token = service.token(things.session(), **changes)
    answer = await shown(wire, f"Bearer {token}")
    assert (answer.status, answer.code, answer.body["id"]) == (401, 401, "b-1")
    assert answer.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert token not in answer.text + answer.headers["WWW-Authenticate"]


async def test_a_token_of_another_key_does_not(wire: Wire, service: SessionServiceServer) -> None:
    forged = SigningKey()
    forged.kid = service.key.kid
    good, service.key = service.key, forged
    token = service.token(things.session())
    service.key = good
    assert (await shown(wire, f"Bearer {token}")).status == 401


async def test_a_token_does_not_outlive_its_session(
    wire: Wire, gateway: Gateway, service: SessionServiceServer
) -> None:
    token = service.token(things.session())
    service.put(things.over(things.session(), SessionState.REVOKED))
    await until_decided(gateway, "snowflake_query", "SessionRevoked")
    assert (await shown(wire, f"Bearer {token}")).status == 401


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer " + "x" * 5000, "Bearer \u00e9"]
)
async def test_what_is_no_bearer_is_401(wire: Wire, value: str) -> None:
    assert (await shown(wire, value)).status == 401


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_other_methods_check_it_too(wire: Wire, method: str) -> None:
    session = await wire.initialize()
    headers = {**session, "Accept": "text/event-stream", "Authorization": "Bearer abc"}
    async with wire.http.request(method, wire.url, headers=headers) as response:
        assert response.status == 401
    assert (await wire.legacy(session, "ping")).status == 200
