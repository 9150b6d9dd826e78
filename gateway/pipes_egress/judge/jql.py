"""JQL cannot change anything: it is enough that it is one well-formed text of a length that a provider takes.

A catalog may put such a text beside a condition of its own; one whose quotes or
parentheses do not close would undo the condition.
"""

import re
import unicodedata

from .verdict import READ, Verdict, refused

LONGEST = 20_000

_LITERAL = re.compile(r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+\"""", re.DOTALL)


def judge(text: str) -> Verdict:
    """A read, if quotes and parentheses close; refused otherwise."""
    if len(text) > LONGEST:
        return refused(f"it is longer than {LONGEST} characters")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") and character not in "\t\n\r":
            return refused(f"it holds the control character U+{ord(character):04X}")
    code = _LITERAL.sub(" ", text)
    if "'" in code or '"' in code:
        return refused("a quote is opened and never closed")
    depth = 0
    for character in code:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
    return refused("its parentheses do not match") if depth else READ
