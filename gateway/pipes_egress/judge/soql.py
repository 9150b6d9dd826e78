"""SOQL: it cannot change records, and still not every query is a read.

`FOR VIEW` and `FOR REFERENCE` write who looked at what, `UPDATE TRACKING` and
`UPDATE VIEWSTAT` change statistics, `FOR UPDATE` locks rows. The language has
no comments and one kind of literal, so words outside literals tell.
"""

import re
import unicodedata

from .verdict import READ, Verdict, refused, write

LONGEST = 20_000

_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_ACTS = re.compile(r"\b(FOR\s+VIEW|FOR\s+REFERENCE|FOR\s+UPDATE|UPDATE)\b", re.IGNORECASE)
_SELECT = re.compile(r"\s*SELECT\b", re.IGNORECASE)


def judge(text: str, dialect: str = "") -> Verdict:
    """Whether a SOQL query only reads."""
    if len(text) > LONGEST:
        return refused(f"it is longer than {LONGEST} characters")
    code = _LITERAL.sub(" '' ", text)
    if code.count("'") % 2 or re.search(r"'[^']", code.replace("''", "")):
        return refused("a quote is opened and never closed")
    for character in code:
        category = unicodedata.category(character)
        if ord(character) > 126 or (category == "Cc" and character not in "\t\n\r"):
            return refused(f"it holds U+{ord(character):04X} outside quotes")
    if not _SELECT.match(code):
        return refused("a query begins with SELECT")
    if ";" in code:
        return refused("it holds a semicolon; send one query")
    found = _ACTS.search(code)
    if found is not None:
        return write(f"{' '.join(found.group().upper().split())} changes more than it reads")
    return READ
