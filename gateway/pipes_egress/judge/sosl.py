"""SOSL: a search that is a read unless it also counts (`UPDATE TRACKING`, `UPDATE VIEWSTAT`).

Source: Salesforce, "SOQL and SOSL Reference", SOSL Syntax.
"""

from .soql import judged
from .soql_grammar import Grammar
from .soql_tokens import Cursor, NotRead
from .verdict import Verdict

_GROUPS = ("ALL", "EMAIL", "NAME", "PHONE", "SIDEBAR")


def judge(text: str) -> Verdict:
    """Whether a SOSL search only reads."""
    return judged(text, "FIND", "a search", _search)


def _search(take: Cursor) -> None:
    grammar = Grammar(take)
    take.need("FIND")
    if not take.kind("braces", "string"):
        raise NotRead("what to find stands in braces: FIND {text}")
    if take.words("IN"):
        if not take.one_of(*_GROUPS):
            raise NotRead(f"one of {', '.join(_GROUPS)} is expected, not {take.place}")
        take.need("FIELDS")
    if take.words("RETURNING"):
        _returned(take, grammar)
        while take.words(","):
            _returned(take, grammar)
    _with(take, grammar)
    grammar.ordered()


def _returned(take: Cursor, grammar: Grammar) -> None:
    grammar.name()
    if not take.words("("):
        return
    grammar.operand()
    while take.words(","):
        grammar.operand()
    if take.words("USING", "LISTVIEW", "="):
        grammar.name()
    grammar.narrowed()
    grammar.ordered()
    take.need(")")


def _with(take: Cursor, grammar: Grammar) -> None:
    while take.words("WITH"):
        if take.words("SNIPPET"):
            if take.words("("):
                take.need("TARGET_LENGTH", "=")
                grammar.operand()
                take.need(")")
        elif not take.words("HIGHLIGHT"):
            grammar.after_with()
