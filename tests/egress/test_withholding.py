"""Echoed credentials are withheld, however JSON writes them."""

import json

import msgspec
import pytest

from pipes_egress.credentials.withholding import without

SECRET = "ver:1-hint:ETMsDg/+aB3d_longer-than-most=="


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        SECRET.replace("/", "\\/"),
        SECRET.replace("=", "\\u003d"),
        SECRET.replace("=", "\\u003D").replace("/", "\\u002F").replace("+", "\\u002b"),
    ],
)
def test_no_usual_spelling_of_the_secret_gets_through(written: str) -> None:
    body = f'{{"said": "a\\nb \\"{written}\\"", "other": "\\u00e9"}}'.encode()
    assert json.loads(without(SECRET, body)) == {"said": 'a\nb "(withheld)"', "other": "é"}


def test_what_does_not_hold_it_stays_as_it_is() -> None:
    for body in (b'{"a": "\\u003d\\/ETMsDg"}', b"", msgspec.json.encode({"a": SECRET[:-1]}), b"\xff\\\x00"):
        assert without(SECRET, body) == body
        assert without("", body) == body


def test_the_time_it_takes_does_not_depend_on_what_a_provider_chose() -> None:
    """A token of one letter against a body of that letter is quadratic work for a pattern."""
    secret, body = "a" * 1_000 + "-" + "a" * 999, b"\\" + b"a" * 4_000_000
    assert without(secret, body) == body
