"""Cells of Snowflake's `jsonv2` format (every cell is text), decoded without losing a digit."""

from typing import Any

import pytest

from pipes_egress.run.decoders import columns_of


def decoded(kind: dict[str, Any], cell: Any) -> Any:
    columns = columns_of("jsonv2", {"resultSetMetaData": {"rowType": [{"name": "A", **kind}]}})
    assert columns is not None
    return columns.decode([cell])[0]


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ({"type": "fixed", "precision": 10, "scale": 0}, "12345", 12345),
        ({"type": "fixed", "precision": 38, "scale": 0}, "7", 7),
        ({"type": "fixed", "precision": 38, "scale": 0}, "12345678901234567890", "12345678901234567890"),
        ({"type": "fixed", "precision": 12, "scale": 2}, "19.90", 19.9),
        ({"type": "fixed", "precision": 38, "scale": 20}, "0.12345678901234567890", "0.12345678901234567890"),
        ({"type": "real"}, "1.5e3", 1500.0),
        ({"type": "real"}, "inf", "inf"),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "false", False),
        ({"type": "date"}, "19723", "2024-01-01"),
        ({"type": "date"}, "-1", "1969-12-31"),
        ({"type": "time", "scale": 9}, "3661.000000001", "01:01:01.000000001"),
        ({"type": "timestamp_ntz"}, "1704067200.123456789", "2024-01-01T00:00:00.123456789"),
        ({"type": "timestamp_ntz"}, "-1.500000000", "1969-12-31T23:59:58.5"),
        ({"type": "timestamp_ltz"}, "1704067200.000000000", "2024-01-01T00:00:00Z"),
        ({"type": "timestamp_tz"}, "1704067200.500000000 1500", "2024-01-01T01:00:00.5+01:00"),
        ({"type": "timestamp_tz"}, "1704067200.000000000 1080", "2023-12-31T18:00:00-06:00"),
        ({"type": "variant"}, '{"a": [1, null]}', {"a": [1, None]}),
        ({"type": "array"}, "[undefined]", "[undefined]"),
        ({"type": "binary"}, "CAFE", "CAFE"),
        ({"type": "text"}, "null", "null"),
        ({"type": "text"}, None, None),
        ({"type": "date"}, "soon", "soon"),
    ],
)
def test_a_cell_is_decoded_by_its_type(kind: dict[str, Any], cell: Any, value: Any) -> None:
    assert decoded(kind, cell) == value
    assert type(decoded(kind, cell)) is type(value)


@pytest.mark.parametrize("kinds", [7, "x", [None, 7], [{"type": "fixed", "precision": "ten"}], [{"type": ["fixed"]}]])
def test_columns_that_make_no_sense_are_columns_all_the_same(kinds: Any) -> None:
    columns = columns_of("jsonv2", {"resultSetMetaData": {"rowType": kinds}})
    assert columns is not None
    assert columns.decode(["1"] * len(columns.decoders)) is not None
