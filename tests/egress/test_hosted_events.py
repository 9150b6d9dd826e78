"""Server-sent events as servers write them and networks cut them."""

import pytest

from pipes_egress.hosted.events import Events


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_messages_are_the_same_wherever_the_stream_is_cut(newline: bytes, size: int) -> None:
    lines = [
        "\ufeff: hello",
        "event: message",
        "id: 7",
        'data: {"a":',
        "data:1}",
        "",
        "data: ż",
        "",
        "data",
        "",
        "data: cut",
    ]
    stream = newline.join(line.encode() for line in lines)
    events = Events()

    found = [each for n in range(0, len(stream), size) for each in events.feed(stream[n : n + size])]

    assert found == [b'{"a":\n1}', "ż".encode()]
    assert events.last_id == "7"


def test_events_of_another_kind_are_not_messages() -> None:
    assert Events().feed(b"event: endpoint\ndata: /x\n\nevent: ping\ndata: 1\n\ndata: 2\n\n") == [b"2"]


@pytest.mark.parametrize(
    ("retry", "pause"), [(b"250", 0.25), (b"0", 0.1), (b"9" * 30, 10.0), (b"x", 1.0), (b"-1", 1.0)]
)
def test_the_pause_that_a_server_asks_for_stays_within_bounds(retry: bytes, pause: float) -> None:
    events = Events()
    events.feed(b"retry: " + retry + b"\n\n")

    assert events.pause == pause


def test_what_was_cut_off_is_not_taken_for_the_beginning_of_the_next_stream() -> None:
    events = Events()
    events.feed(b"id: 1\ndata: half")
    events.begin()

    assert events.feed(b"data: whole\n\n") == [b"whole"]
    assert events.last_id == "1"


@pytest.mark.parametrize("identity", [b"a\0b", b"a\x01", b"x" * 600, "ż".encode()])
def test_an_id_that_cannot_be_sent_in_a_header_is_not_kept(identity: bytes) -> None:
    events = Events()
    events.feed(b"id: " + identity + b"\ndata: 1\n\n")

    assert events.last_id == ""
