"""Messages of the session service go through JSON unchanged, and secrets do not show."""

from datetime import UTC, datetime

import msgspec
import pytest

from pipes_api import messages
from pipes_api.resources import Agent
from pipes_api.states import SessionState

SESSION = messages.SessionView(
    namespace="team-a",
    name="s",
    uid="u",
    state=SessionState.ACTIVE,
    agent=Agent(service_account_name="analyst"),
    live=True,
    expires_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_a_change_is_read_back_as_it_was_sent() -> None:
    change = messages.SessionChanged(session=SESSION, lease=messages.Lease(uid="u", until=1.5, token="t"))
    assert messages.decode_event(messages.encode(change)) == change


def test_a_token_is_not_in_the_repr_of_its_lease() -> None:
    lease = messages.Lease(uid="u", until=1.5, token="eyJ.secret")
    assert "eyJ" not in repr(lease)
    assert "eyJ" not in repr(messages.SessionChanged(session=SESSION, lease=lease))


def test_an_event_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        messages.decode_event(b'{"type":"grantEverything"}')


def test_a_request_with_a_field_we_do_not_know_is_refused() -> None:
    body = b'{"reason":"x","bindings":[],"duration":"15m","agent":{"serviceAccountName":"admin"}}'
    with pytest.raises(msgspec.ValidationError, match="agent"):
        msgspec.json.decode(body, type=messages.CreateSession)
