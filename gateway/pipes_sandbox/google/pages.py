"""Page tokens that only fit the request they came from."""

from __future__ import annotations

import base64
import binascii
import json


class WrongPageError(ValueError):
    """A token that is none, or belongs to another request."""


def page_token(offset: int, mark: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([offset, mark]).encode()).decode()


def offset_of(token: str, mark: str) -> int:
    """Raises WrongPageError."""
    if not token:
        return 0
    try:
        offset, meant = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError, binascii.Error):
        raise WrongPageError(token) from None
    if meant != mark or not isinstance(offset, int):
        raise WrongPageError(token)
    return offset
