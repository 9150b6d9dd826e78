"""An answer read within bounds."""

import re
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from multidict import CIMultiDictProxy

_CHARSET = re.compile(r';\s*charset="?([A-Za-z0-9_.:-]{1,40})', re.IGNORECASE)


class AnswerUnreadable(Exception):  # noqa: N818 - reads as what happened
    """The answer is longer than allowed, or not encoded as it says."""


@dataclass(slots=True)
class Answer:
    """A whole answer; `body` is decompressed. What `json` gives is shared: nobody changes it."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    _document: Any = field(default=msgspec.UNSET, repr=False, compare=False)

    @property
    def content_type(self) -> str:
        """Media type without parameters, lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """The `charset` of the content type, lower case; empty when it names none."""
        match = _CHARSET.search(self.headers.get("Content-Type", ""))
        return match[1].lower() if match else ""

    def json(self) -> Any:
        """The parsed body; an empty one is None.

        Raises:
            AnswerUnreadable: it is not JSON.
        """
        if self._document is msgspec.UNSET:
            try:
                self._document = msgspec.json.decode(self.body) if self.body.strip() else None
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise AnswerUnreadable("the answer is not JSON") from None
        return self._document


async def read_bounded(chunks: AsyncIterator[bytes], encoding: str, limit: int) -> bytes:
    """Read all chunks, at most `limit` bytes before and after decompression.

    Raises:
        AnswerUnreadable: it is longer, or the encoding is not gzip or not what it says.
    """
    return b"".join([part async for part in bounded(chunks, encoding, limit)])


async def bounded(chunks: AsyncIterator[bytes], encoding: str, limit: int) -> AsyncIterator[bytes]:
    """What the chunks hold, as they arrive; raises as `read_bounded`."""
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise AnswerUnreadable(f"the answer has the encoding {encoding!r:.40}, which was not asked for")
    inflate = _Inflate(limit) if encoding.endswith("gzip") else None
    received = produced = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > limit:
            raise AnswerUnreadable(f"the answer is longer than {limit:,} bytes")
        data = inflate.feed(chunk, limit - produced) if inflate is not None else chunk
        produced += len(data)
        yield data
    if inflate is not None and not inflate.complete:
        raise AnswerUnreadable("the answer ends in the middle")


class _Inflate:
    """gzip (RFC 1952), member by member, never producing more than asked."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._stream = _member()
        self._begun = False

    @property
    def complete(self) -> bool:
        return self._stream.eof or not self._begun

    def feed(self, chunk: bytes, room: int) -> bytes:
        out: list[bytes] = []
        while chunk:
            if self._stream.eof:
                self._stream = _member()
            self._begun = True
            try:
                data = self._stream.decompress(chunk, room + 1)
            except zlib.error:
                raise AnswerUnreadable("the answer is not gzip, as it says") from None
            room -= len(data)
            if room < 0:
                raise AnswerUnreadable(f"the answer is longer than {self._limit:,} bytes")
            out.append(data)
            chunk = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return b"".join(out)


def _member() -> "zlib._Decompress":
    return zlib.decompressobj(16 + zlib.MAX_WBITS)
