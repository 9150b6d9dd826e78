"""Lines of a stream, the rate of a binding, and the audit line."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipes_live import reading
from pipes_live.audit import MAXIMUM_TEXT, AuditUnavailable, arguments_hash, audit
from pipes_live.files import FreshFile
from pipes_live.rate import RateLimiter


@given(lines=st.lists(st.binary(min_size=1).filter(lambda each: b"\n" not in each and each.strip())), data=st.data())
def test_lines_come_out_whole_however_the_bytes_come_in(lines: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    cutter, found = reading.Lines(), []
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        found += cutter.feed(whole[:size])
        whole = whole[size:]
    assert found == lines


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAXIMUM_LINE", 10)
    with pytest.raises(reading.LineTooLong):
        reading.Lines().feed(b"x" * 11)


def test_a_minute_of_calls_may_go_at_once_and_then_one_by_one() -> None:
    now = [0.0]
    rate = RateLimiter(lambda: now[0])
    six = {("binding", ""): 6}
    assert [rate.take(six) for _ in range(6)] == [None] * 6
    assert rate.take(six) == pytest.approx(10)
    now[0] = 10.0
    assert rate.take(six) is None
    assert rate.take(six) == pytest.approx(10)
    now[0] = 10_000.0
    assert [rate.take(six) for _ in range(6)] == [None] * 6
    assert rate.take(six) is not None


def test_a_changed_rate_counts_at_once_and_none_is_none() -> None:
    rate = RateLimiter(lambda: 0.0)
    assert rate.take({("binding", ""): 1}) is None
    assert rate.take({("binding", ""): 1}) is not None
    assert rate.take({}) is None
    assert rate.take({("binding", ""): 2}) is None


def test_a_call_that_one_rate_refuses_takes_nothing_from_another() -> None:
    now = [0.0]
    rate = RateLimiter(lambda: now[0])
    of_tool, of_binding = ("session", "tool"), ("binding", "")
    assert rate.take({of_binding: 2, of_tool: 1}) is None
    assert rate.take({of_binding: 2, of_tool: 1}) == pytest.approx(60)
    assert rate.take({of_binding: 2}) is None, "the refused call left the binding's bucket alone"
    assert rate.take({of_binding: 2}) == pytest.approx(30)
    rate.forget("session")
    now[0] = 30.0
    assert rate.take({of_binding: 2, of_tool: 1}) is None


def test_a_decision_is_one_line_of_bounded_json(capsys: pytest.CaptureFixture[str]) -> None:
    audit(decision="denied", reason="NotGranted", message="x" * 5000, tool="a\nb\u2028\ud800", session="", count=3)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.isascii()
    entry: dict[str, Any] = json.loads(out)
    assert entry["log"] == "audit"
    assert len(entry["message"]) == MAXIMUM_TEXT
    assert entry["count"] == 3
    assert "session" not in entry


def test_a_line_that_cannot_be_written_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(AuditUnavailable, match="No space left"):
        audit(decision="allowed")


def test_a_file_is_read_again_when_it_was_replaced_or_written(tmp_path: Path) -> None:
    path, new = tmp_path / "token", tmp_path / "new"
    path.write_text("one\n")
    file = FreshFile(path)
    assert [file.bearer(), file.bearer()] == ["Bearer one", "Bearer one"]
    new.write_text("two\n")
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    os.replace(new, path)
    assert file.bearer() == "Bearer two"
    path.write_text("three\n")
    assert file.bearer() == "Bearer three"


@pytest.mark.parametrize("content", [b"", b"\n", b"a\r\nX: y", "\u00e9".encode()])
def test_a_file_that_holds_no_token_sends_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(OSError, match="holds no token"):
        FreshFile(path).bearer()


def test_arguments_are_recorded_by_a_hash_that_does_not_depend_on_their_order() -> None:
    assert arguments_hash({"a": 1, "b": [True, None]}) == arguments_hash({"b": [True, None], "a": 1})
    assert arguments_hash({"a": 1}) != arguments_hash({"a": "1"})
    assert len(arguments_hash({"a": 2**60, "b": "\ud800"})) == 64
