"""Our words of the protocol are the official ones, and JSON is read in one way only."""

import contextlib
import json
from typing import Any

import mcp_types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_types import jsonrpc as official
from mcp_types import version

from pipes_gateway.mcp import jsonrpc, protocol
from pipes_gateway.mcp.jsonrpc import RpcError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_versions_codes_and_keys_are_the_official_ones() -> None:
    assert protocol.HANDSHAKE_VERSIONS == version.HANDSHAKE_PROTOCOL_VERSIONS
    assert protocol.MODERN_VERSIONS == version.MODERN_PROTOCOL_VERSIONS
    assert protocol.VERSION_META == mcp_types.PROTOCOL_VERSION_META_KEY
    assert protocol.CAPABILITIES_META == mcp_types.CLIENT_CAPABILITIES_META_KEY
    assert (protocol.PARSE_ERROR, protocol.INVALID_REQUEST) == (official.PARSE_ERROR, official.INVALID_REQUEST)
    assert (protocol.METHOD_NOT_FOUND, protocol.INVALID_PARAMS) == (official.METHOD_NOT_FOUND, official.INVALID_PARAMS)
    assert protocol.HEADER_MISMATCH == official.HEADER_MISMATCH
    assert protocol.UNSUPPORTED_VERSION == official.UNSUPPORTED_PROTOCOL_VERSION


def test_own_codes_are_outside_what_is_reserved() -> None:
    for code in (protocol.UNAUTHORIZED, protocol.BUSY, protocol.CANCELLED):
        assert not -32768 <= code <= -32000


@given(JSON)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    try:
        text = json.dumps(value).encode()
        assert jsonrpc.parse(text) == value
    except RpcError:
        # Only half a surrogate pair, which text here may hold, is a reason.
        with pytest.raises(UnicodeEncodeError):
            json.dumps(value, ensure_ascii=False).encode()


@given(JSON)
def test_what_is_written_is_one_ascii_line_that_anybody_can_read(value: Any) -> None:
    written = jsonrpc.dumps({"value": value})
    assert written.isascii()
    assert b"\n" not in written
    assert b"\r" not in written
    json.dumps(json.loads(written), ensure_ascii=False).encode("utf-8")


@given(st.binary())
def test_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(RpcError):
        jsonrpc.parse(data)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1, "a": 2}',
        b'{"params": {"name": "x", "name": "y"}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 100_000,
        b"[" * 200_000 + b"]" * 200_000,
        b"1" * 5000,
        b'{"a": 1} {"b": 2}',
        b"",
    ],
    ids=range(15),
)
def test_what_could_be_read_in_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(RpcError) as refused:
        jsonrpc.parse(text)
    assert refused.value.code == protocol.PARSE_ERROR
    assert len(refused.value.message) < 300


def test_the_deepest_that_is_read() -> None:
    jsonrpc.parse(b"[" * 64 + b"]" * 64)
