"""Is every call in a statement of Snowflake's, as it is written, one of a function that only reads?

The syntax tree alone does not tell: sqlglot gives functions of other products
nodes of their own, and Snowflake would take such a name for a user's function.
"""

import re

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from .functions import AFTER, INFORMATION_SCHEMA, MATCHING, POSTFIX, READING, RESERVED, TYPES
from .verdict import short

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
_OPERAND_ENDS = frozenset(
    {TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.STAR}
    | {TokenType.NUMBER, TokenType.STRING}
)


def acting_call(tokens: list[Token], root: exp.Expression) -> str:
    """Why a call is not one that reads, in a sentence; empty when all are."""
    calls = _Calls(tokens, root)
    for index, token in enumerate(tokens):
        if token.text.upper() == "NEXTVAL" and token.token_type is not TokenType.STRING:
            return "NEXTVAL takes a value from a sequence"
        if token.token_type is TokenType.L_PAREN and (why := calls.opened(index)):
            return why
        if token.token_type is TokenType.R_PAREN:
            calls.closed()
    return ""


class _Calls:
    """Walks the parentheses of a statement; knows which are open."""

    def __init__(self, tokens: list[Token], root: exp.Expression) -> None:
        self._tokens = tokens
        # By place, not by name: the same name elsewhere is a call of a function that happens to be named alike.
        self._declared = {
            alias.this.meta.get("start")
            for alias in root.find_all(exp.TableAlias)
            if isinstance(alias.this, exp.Identifier)
            and alias.columns
            and all(
                isinstance(each, exp.Identifier) and (each.quoted or _WORD.match(each.name)) for each in alias.columns
            )
        }
        self._open: list[str] = []

    def closed(self) -> None:
        if self._open:
            self._open.pop()

    def opened(self, index: int) -> str:
        """Why the parenthesis at this index begins a call that may act; empty when it does not."""
        word = self._word(index - 1)
        in_pattern = "PATTERN" in self._open and "MATCH_RECOGNIZE" in self._open
        why = "" if index == 0 or in_pattern else self._acting(index - 1)
        self._open.append(word)
        return why

    def _acting(self, index: int) -> str:
        before = self._tokens[index]
        if before.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET):
            return "it calls what an expression names"
        if before.start in self._declared or self._ends_stage(index):
            return ""
        if before.token_type is TokenType.IDENTIFIER:
            return f'the function "{short(before.text)}" is not known to only read'
        return self._acting_word(index) if self._word(index) else ""

    def _acting_word(self, index: int) -> str:
        name, previous = self._word(index), self._tokens[index - 1] if index else None
        if previous is not None and previous.token_type is TokenType.DOT:
            schema = self._tokens[index - 2] if index > 1 else previous
            if _is_information_schema(schema) and name in INFORMATION_SCHEMA:
                return ""
            return f"the function {short(schema.text)}.{short(self._tokens[index].text)} is not known to only read"
        if name in READING or name in RESERVED or _is_syntax(name, previous):
            return ""
        if name in TYPES and self._open and self._open[-1] in ("ARRAY", "MAP", "OBJECT"):
            return ""  # those were accepted as types themselves
        if "MATCH_RECOGNIZE" in self._open and (name in MATCHING or name in ("PATTERN", "SUBSET")):
            return ""
        if name == "IDENTIFIER" and [each.token_type for each in self._tokens[index + 2 : index + 4]] == [
            TokenType.STRING,
            TokenType.R_PAREN,
        ]:
            return ""
        return f"the function {short(self._tokens[index].text)} is not known to only read"

    def _ends_stage(self, index: int) -> bool:
        """Whether a stage that is read from (`FROM @stage/path`) ends here; its options may follow in parentheses."""
        while index > 1 and self._tokens[index].token_type is not TokenType.PARAMETER:
            if self._tokens[index - 1].end + 1 != self._tokens[index].start:
                return False
            index -= 1
        before = self._tokens[index - 1]
        return self._tokens[index].token_type is TokenType.PARAMETER and before.text.upper() in ("FROM", "JOIN")

    def _word(self, index: int) -> str:
        """The word at this index in upper case; empty for anything else."""
        if index < 0:
            return ""
        token = self._tokens[index]
        quoted = token.token_type in (TokenType.STRING, TokenType.IDENTIFIER)
        return token.text.upper() if not quoted and _WORD.match(token.text) else ""


def _is_information_schema(token: Token) -> bool:
    quoted = token.token_type is TokenType.IDENTIFIER
    # Quoted, any other spelling is a schema of somebody's own.
    return (token.text if quoted else token.text.upper()) == "INFORMATION_SCHEMA"


def _is_syntax(name: str, previous: Token | None) -> bool:
    """Whether a word that is not reserved is no call where it stands."""
    if previous is None:
        return False
    word = previous.text.upper()
    return (
        (name in POSTFIX and (previous.token_type in _OPERAND_ENDS or word == "NULLS"))
        or word in AFTER.get(name, ())
        or (name in TYPES and (word in ("::", "AS")))
    )
