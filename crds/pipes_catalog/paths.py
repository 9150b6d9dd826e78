"""Paths that a caller writes: accepted only if every server reads them alike."""

import re
import unicodedata
from urllib.parse import unquote, unquote_to_bytes

LONGEST = 4_000
_DECODINGS = 4
_PLAIN = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*\Z")


def path_problem(path: str) -> str:
    """What is wrong with a path that is sent as it is, in the words of a sentence; empty when nothing is.

    It is absolute, and of the characters of RFC 3986 section 3.3. In no encoding, however often it is decoded, does it
    hold an empty segment, `.` or `..` (path parameters aside), a backslash, `?`, `#` or a control character.
    """
    if len(path) > LONGEST:
        return f"it is longer than {LONGEST:,} characters"
    if not _PLAIN.match(path):
        return "it must begin with / and be percent-encoded, without query"
    text = path
    for _ in range(_DECODINGS):
        problem = _read(text) or _read(unicodedata.normalize("NFKC", text))
        if problem:
            return problem
        try:
            decoded = unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            return "it is not UTF-8"
        if decoded == text:
            return ""
        text = decoded
    return "it is encoded over and over"


def climbs(value: str) -> bool:
    """Whether a value that stands in one segment, encoded, would be steps in the hierarchy to a server that decodes
    slashes before it takes paths apart: `a/../../b`, in whatever encoding."""
    if value.isascii() and not set(value) & {".", "%"}:
        return False  # nearly every id
    for _ in range(_DECODINGS):
        for text in (value, unicodedata.normalize("NFKC", value)):
            if any(part.partition(";")[0].strip() in (".", "..") for part in re.split(r"[/\\]", text)):
                return True
        value = unquote(value)
    return False


def _read(text: str) -> str:
    if any(character in "\\?#" or unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") for character in text):
        return "it holds a backslash, ?, # or a control character"
    segments = text.split("/")[1:]
    if any(segment.partition(";")[0].strip() in (".", "..") for segment in segments):
        return "it holds . or .. as a segment"
    if not all(segments[:-1]) and text != "/":
        return "it holds //"
    return ""


def under(prefix: str, path: str) -> bool:
    """Whether the path is the prefix or below it, by whole segments as they are written."""
    stem = prefix.rstrip("/")
    return path == stem or path.startswith(stem + "/")
