"""What is said between the pool and its workers: four bytes of length, then JSON."""

from typing import BinaryIO

import msgspec


class Question(msgspec.Struct, frozen=True):
    """`operation` is the name of the one to execute, in languages whose texts may hold several."""

    language: str
    dialect: str
    text: str
    operation: str = ""


def frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next payload, or None when the other side is gone."""
    header = stream.read(4)
    return stream.read(int.from_bytes(header, "big")) if len(header) == 4 else None
