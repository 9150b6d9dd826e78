"""What a filter makes of a value: text that stays within the quotes it is put in, or an encoding of it."""

import base64
from collections.abc import Callable

from ..problems import ArgumentRefused

Filter = Callable[[str, str], str]
"""(name of the value, its text) → the text to put there."""


def plain(name: str, value: object) -> str:
    """The value as text within a text.

    Raises:
        ArgumentRefused: it is neither text, a number nor a truth value.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ArgumentRefused(f"{name} must be text or a number here")


def utf8(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ArgumentRefused(f"{name} is not Unicode text") from None


def _identifier(name: str, text: str) -> str:
    _no_control(name, text)
    return '"' + text.replace('"', '""') + '"'


def _quoted(name: str, text: str) -> str:
    _no_control(name, text)
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _no_control(name: str, text: str) -> None:
    if not text or any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ArgumentRefused(f"{name} must be text without control characters")


def _base64(name: str, text: str) -> str:
    return base64.b64encode(utf8(name, text)).decode()


def _base64url(name: str, text: str) -> str:
    return base64.urlsafe_b64encode(utf8(name, text)).decode()


FILTERS: dict[str, Filter] = {
    "identifier": _identifier,
    "quoted": _quoted,
    "base64": _base64,
    "base64url": _base64url,
}
