"""What came along with a call: Slack takes arguments as query, form or JSON, all the same."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pipes_sandbox.call import Call

from . import errors

T = TypeVar("T")


class Arguments:
    def __init__(self, call: Call) -> None:
        self._values: dict[str, Any] = dict(call.request.query)
        kind = call.header("Content-Type").partition(";")[0].strip().lower()
        if kind == "application/json" and call.body:
            try:
                document = call.json()
            except ValueError:
                raise errors.refused("invalid_json") from None
            if not isinstance(document, dict):
                raise errors.refused("json_not_object")
            self._values |= document
        elif kind == "application/x-www-form-urlencoded":
            self._values |= dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))

    def text(self, name: str, default: str = "") -> str:
        value = self._values.get(name)
        return default if value is None else str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise errors.invalid_arguments(f"missing required field: {name}")
        return value

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in ("true", "1")

    def number(self, name: str, default: int, most: int) -> int:
        """Raises RefusalError for what is no number from 1 to `most`."""
        text = self.text(name, str(default))
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            raise (
                errors.refused("invalid_limit")
                if name == "limit"
                else errors.invalid_arguments(f"must be 1-{most}: {name}")
            )
        return int(text)

    def page(self, items: Sequence[T], default: int, most: int) -> tuple[Sequence[T], str]:
        """The part of the items that is asked for, and the cursor of what follows: empty at the end."""
        start, size = _offset(self.text("cursor")), self.number("limit", default, most)
        end = start + size
        return items[start:end], _cursor(end) if end < len(items) else ""


def _cursor(offset: int) -> str:
    return base64.b64encode(f"next:{offset}".encode()).decode()


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        word, _, offset = base64.b64decode(cursor, validate=True).decode().partition(":")
        if word != "next":
            raise ValueError
        return int(offset)
    except (binascii.Error, ValueError):
        raise errors.refused("invalid_cursor") from None
