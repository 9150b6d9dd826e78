"""The tokens of SOQL and SOSL, and a cursor over them. Neither has comments, and both have one kind of quote."""

import re
import unicodedata
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<string>'(?:[^'\\]|\\.)*+')
  | (?P<braces>\{(?:[^{}\\]|\\.)*+\})
  | (?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?(?![A-Za-z0-9_]))
  | (?P<number>[A-Za-z]{3}\d+\.\d+(?![A-Za-z0-9_])|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![A-Za-z0-9_]))
  | (?P<word>[A-Za-z][A-Za-z0-9_]*)
  | (?P<sign><=|>=|!=|<>|[=<>(),.:])
    """,
    re.DOTALL | re.VERBOSE,
)


class NotRead(Exception):  # noqa: N818 - reads as what happened
    """The text is not one of the language, as far as this reading knows it; the sentence names the place."""


class Unreadable(Exception):  # noqa: N818 - reads as what happened
    """It cannot even be told what is a literal and what is not."""


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is upper case for words, as written for the rest."""

    kind: str
    text: str


def tokens(text: str) -> list[Token]:
    """Cut the text into tokens.

    Raises:
        Unreadable: a character or quote that not every reader takes the same way.
    """
    found: list[Token] = []
    end = 0
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None or match.lastgroup is None:
            raise Unreadable(_why(text[end]))
        end = match.end()
        if match.lastgroup == "space":
            continue
        if match.lastgroup in ("string", "braces"):
            _printable(match.group())
        word = match.lastgroup == "word"
        found.append(Token(match.lastgroup, match.group().upper() if word else match.group()))
    return found


class Cursor:
    """Reads tokens from left to right."""

    def __init__(self, found: list[Token]) -> None:
        self._found = found
        self._at = 0

    def words(self, *expected: str) -> bool:
        """Take these words or signs, all of them or none."""
        here = [each.text for each in self._found[self._at : self._at + len(expected)] if each.kind in ("word", "sign")]
        if here != list(expected):
            return False
        self._at += len(expected)
        return True

    def one_of(self, *expected: str) -> bool:
        return any(self.words(each) for each in expected)

    def kind(self, *kinds: str) -> bool:
        """Take a token of one of these kinds."""
        if self.next is None or self.next.kind not in kinds:
            return False
        self._at += 1
        return True

    def need(self, *expected: str) -> None:
        if not self.words(*expected):
            raise NotRead(f"{' '.join(expected)} is expected, not {self.place}")

    @property
    def next(self) -> Token | None:
        return self._found[self._at] if self._at < len(self._found) else None

    @property
    def place(self) -> str:
        token = self.next
        if token is None:
            return "the end"
        return "a literal" if token.kind in ("string", "braces") else token.text[:40]


def _why(character: str) -> str:
    if character == "'":
        return "a quote is opened and never closed"
    if character == ";":
        return "it holds a semicolon; send one query"
    if character.isascii() and character.isprintable():
        return f"it holds {character} outside quotes, where it means nothing"
    return f"it holds U+{ord(character):04X} outside quotes"


def _printable(literal: str) -> None:
    for character in literal:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r":
            raise Unreadable(f"it holds the control character U+{ord(character):04X}")
