"""Bytes that providers write as text."""

import base64
import binascii


def bytes_of(text: str) -> bytes | None:
    """The bytes of base64 in either alphabet (RFC 4648), padded or not, in lines or not; None if it is none."""
    compact = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
