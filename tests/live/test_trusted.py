"""A CA that is renewed while requests are under way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from live.session_service import serving_certificate
from pipes_live.trusted import TrustedHttp


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[TrustedHttp]:
    serving_certificate(tmp_path)
    made = TrustedHttp(tmp_path / "ca.crt", limit=4)
    yield made
    await made.close()


async def test_a_renewed_ca_ends_no_request_that_is_under_way(http: TrustedHttp, tmp_path: Path) -> None:
    async with http.session() as before:
        serving_certificate(tmp_path)
        async with http.session() as after:
            assert after is not before
            assert not before.closed
    assert before.closed
    assert not after.closed


async def test_a_file_that_is_being_written_changes_nothing(http: TrustedHttp, tmp_path: Path) -> None:
    async with http.session() as before:
        pass
    whole = (tmp_path / "ca.crt").read_bytes()
    for part in (b"", whole[: len(whole) // 2]):
        (tmp_path / "ca.crt").write_bytes(part)
        async with http.session() as after:
            assert after is before
    (tmp_path / "ca.crt").unlink()
    async with http.session() as after:
        assert after is before


async def test_without_any_ca_there_is_no_connection(tmp_path: Path) -> None:
    http = TrustedHttp(tmp_path / "nonesuch.pem", limit=4)
    with pytest.raises(OSError):
        async with http.session():
            await asyncio.sleep(0)
