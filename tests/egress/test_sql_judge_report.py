"""Honest reads that the judge refuses are counted, and the count is printed with every run of the tests."""

from pathlib import Path

import pytest

from data_files import DATA
from pipes_egress.judge.__main__ import main

LISTS = [str(DATA / name) for name in ("sql_reads.txt", "sql_reads_more.txt")]


def test_no_read_of_the_lists_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *LISTS]) == 0

    printed = capsys.readouterr().out
    with capsys.disabled():
        print(f"\n{printed}", end="")
    assert "| 0 | 0.0 % |" in printed


def test_a_refused_read_is_named_with_its_place_and_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reads = tmp_path / "reads.txt"
    reads.write_text("## R1 mine\nSELECT 1\nSELECT\\nmy_udf(1)\n\nSELECT 2; -- done\n")

    assert main(["report", str(reads)]) == 1

    printed = capsys.readouterr().out
    assert "| reads.txt | 3 | 1 | 33.3 % |" in printed
    assert "reads.txt:3: the function my_udf is not known to only read: SELECT\\nmy_udf(1)" in printed


@pytest.mark.parametrize("arguments", [[], ["report"], ["judge", "x"], ["report", "/nowhere/at/all"]])
def test_what_it_cannot_do_is_said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err
