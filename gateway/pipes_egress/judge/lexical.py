"""A second reading of a SQL text, independent of the parser: what is code, what is literal, what is comment.

The parser is trusted for the shape of one statement, not for where a statement
ends: Snowflake's flow operator (`->>`), comments that the server may nest, and
characters that some readers take for the end of a line all hide a second
statement from it. So texts are held to a subset in which no two readers can
disagree.
"""

import re
import unicodedata
from dataclasses import dataclass

_SEGMENT = re.compile(
    r"""
    (?P<string>'(?:[^'\\]|\\.|'')*+')
  | (?P<identifier>"(?:[^"]|"")*+")
  | (?P<dollar>\$\$.*?\$\$)
  | (?P<line>(?:--|//)[^\r\n]*)
  | (?P<block>/\*.*?\*/)
    """,
    re.DOTALL | re.VERBOSE,
)
_DELIMITER = re.compile(r"[\s,()]")
_LINE_BREAKS = "\t\n\r"
_HIDDEN = frozenset({"Cf", "Zl", "Zp", "Cs", "Co", "Cn"})


class Ambiguous(Exception):  # noqa: N818 - reads as what happened
    """Readers could disagree on what this text says; the sentence names the cause."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`code` is the text with each literal, quoted identifier and comment replaced: `''`, `""`, a space."""

    code: str

    @property
    def statements(self) -> list[str]:
        return [part.strip() for part in self.code.split(";") if part.strip()]

    @property
    def balanced(self) -> bool:
        depth = 0
        for character in self.code:
            depth += (character == "(") - (character == ")")
            if depth < 0:
                return False
        return depth == 0


def read(text: str) -> Reading:
    """Tell code from the rest.

    Raises:
        Ambiguous: a character, comment or quote that not every reader takes the same way.
    """
    code: list[str] = []
    end = 0
    in_path = False
    for match in _SEGMENT.finditer(text):
        code.append(_plain(text[end : match.start()]))
        in_path = _ends_in_path(code[-1], in_path)
        if in_path and match.lastgroup != "identifier":
            # `@stage//file`: a path for one reader, a comment that hides the rest of the line for another.
            raise Ambiguous("it holds a comment or a quote within the path of a stage; put the whole path in quotes")
        code.append(_segment(match, text))
        end = match.end()
    code.append(_plain(text[end:]))
    return Reading("".join(code))


def _ends_in_path(code: str, in_path: bool) -> bool:
    """Whether the unquoted path of a stage (`@stage/path`) goes on where this piece of code ends."""
    delimited = _DELIMITER.split(code)
    return "@" in delimited[-1] or (in_path and len(delimited) == 1)


def _segment(match: re.Match[str], text: str) -> str:
    kind, found = match.lastgroup, match.group()
    if kind == "line":
        _visible(found)
        return " "
    if kind == "block":
        _visible(found)
        # Whether the server nests comments decides where this one ends.
        if "/*" in found[2:]:
            raise Ambiguous("it holds a comment within a comment")
        return " "
    if kind == "dollar" and re.match(r"[\w$]", text[match.start() - 1 : match.start()]):
        raise Ambiguous("it holds $$ right after a name")
    for character in found:
        if unicodedata.category(character) == "Cc" and character not in _LINE_BREAKS:
            raise Ambiguous(f"it holds the control character {_name(character)}")
    return '""' if kind == "identifier" else "''"


def _plain(code: str) -> str:
    _visible(code)
    for character in code:
        if ord(character) > 126:
            raise Ambiguous(f"it holds {_name(character)} outside quotes; put the name in double quotes")
    for opening in ("'", '"', "$$", "/*"):
        if opening in code:
            raise Ambiguous(f"{opening} is opened and never closed")
    if "->>" in code:
        raise Ambiguous("the flow operator ->> runs several statements as one")
    return code


def _visible(text: str) -> None:
    if text.isascii() and text.isprintable():
        return
    for character in text:
        category = unicodedata.category(character)
        hidden = category in _HIDDEN or (category == "Cc" and character not in _LINE_BREAKS)
        if hidden or (category == "Zs" and character != " "):
            raise Ambiguous(f"it holds the invisible character {_name(character)}")


def _name(character: str) -> str:
    return f"U+{ord(character):04X}"
