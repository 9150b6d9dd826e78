"""SOQL: it cannot change records, and still not every query is a read.

`FOR VIEW` and `FOR REFERENCE` write who looked at what, `UPDATE TRACKING` and
`UPDATE VIEWSTAT` change statistics, `FOR UPDATE` locks rows. A query is a read
if it fits a grammar without them (`soql_grammar.py`) to its last token.
"""

from collections.abc import Callable
from itertools import pairwise

from .soql_grammar import Grammar
from .soql_tokens import Cursor, NotRead, Token, Unreadable, tokens
from .verdict import READ, Verdict, refused, write

LONGEST = 20_000

_ACTING = (("FOR", "VIEW"), ("FOR", "REFERENCE"), ("FOR", "UPDATE"), ("UPDATE", "TRACKING"), ("UPDATE", "VIEWSTAT"))


def judge(text: str) -> Verdict:
    """Whether a SOQL query only reads."""
    return judged(text, "SELECT", "a query", lambda cursor: Grammar(cursor).query())


def judged(text: str, first: str, what: str, read: Callable[[Cursor], None]) -> Verdict:
    """READ if the grammar takes every token; else what acts, or where it does not fit.

    `first` is the word that `what` begins with; anything else is refused.
    """
    if len(text) > LONGEST:
        return refused(f"it is longer than {LONGEST} characters")
    try:
        found = tokens(text)
    except Unreadable as error:
        return refused(str(error))
    if not found or found[0].text != first:
        return refused(f"{what} begins with {first}")
    if clause := acting_clause(found):
        return write(f"{clause} changes more than it reads")
    cursor = Cursor(found)
    try:
        read(cursor)
    except NotRead as error:
        return write(f"it is not proven to be a read: {error}")
    if cursor.next is not None:
        return write(f"it is not proven to be a read: {cursor.place} is not expected")
    return READ


def acting_clause(found: list[Token]) -> str:
    """The first pair of words that makes a query act, at whatever depth."""
    words = [each.text if each.kind == "word" else "" for each in found]
    return next((" ".join(pair) for pair in pairwise(words) if pair in _ACTING), "")
