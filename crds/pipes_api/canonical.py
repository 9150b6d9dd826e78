"""Canonical JSON (RFC 8785) and the short digests made from it."""

import base64
import hashlib
from typing import Any

import rfc8785

DIGEST_LENGTH = 26
"""Characters of a digest: 130 bits in base32, lower case, which a person can read aloud."""


def dumps(value: Any) -> bytes:
    """RFC 8785 form of plain JSON data.

    Raises:
        ValueError: the value has no canonical form (an integer beyond 2^53, a NaN, a lone surrogate).
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(f"no canonical JSON form: {error}") from error


def digest(value: Any) -> str:
    """26 base32 characters of SHA-256 over the canonical form."""
    raw = hashlib.sha256(dumps(value)).digest()
    return base64.b32encode(raw).decode().lower()[:DIGEST_LENGTH]
