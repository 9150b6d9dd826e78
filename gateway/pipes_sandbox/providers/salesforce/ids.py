"""Record ids: 15 characters that tell upper from lower case, or 18 that carry the case in a checksum."""

from __future__ import annotations

import re

_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def make(prefix: str, number: int) -> str:
    """The 18-character id of the `number`th record of the object with that three-character prefix."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return extend(f"{prefix}5g00000{digits:0>5}")


def extend(short: str) -> str:
    """18 characters from 15: each of the last three tells which of five characters are upper case."""
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << index for index, each in enumerate(short[start : start + 5]) if each.isupper())
        suffix += _SUFFIX[bits]
    return short + suffix


def normal(value: str) -> str | None:
    """The 18-character form of an id in either form; None for what is no id."""
    if re.fullmatch(r"[A-Za-z0-9]{15}", value):
        return extend(value)
    if re.fullmatch(r"[A-Za-z0-9]{18}", value) and extend(value[:15])[15:] == value[15:].upper():
        return value[:15] + value[15:].upper()
    return None
