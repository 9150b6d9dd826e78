"""SOQL's grammar, as far as it is known to read. What does not fit is not proven to be a read.

Source: Salesforce, "SOQL and SOSL Reference", SOQL SELECT Syntax. Left out on
purpose are the clauses that change something: FOR VIEW, FOR REFERENCE, FOR
UPDATE, UPDATE TRACKING and UPDATE VIEWSTAT.
"""

from collections.abc import Callable

from .soql_tokens import Cursor, NotRead

_Part = Callable[[], None]

DEEPEST = 50

_CLAUSES = frozenset(
    {"ALL", "AS", "FOR", "FROM", "GROUP", "HAVING", "LIMIT", "OFFSET", "ORDER", "UPDATE", "USING", "WHERE", "WITH"}
)
"""Words that begin a clause, and so are no alias."""


class Grammar:
    """Takes one query from a cursor, and raises NotRead where it does not fit."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._depth = 0

    def query(self) -> None:
        take = self._cursor
        take.need("SELECT")
        self._list(self._selected)
        take.need("FROM")
        self._list(self._source)
        if take.words("USING", "SCOPE"):
            self.name()
        self.narrowed()
        if take.words("GROUP", "BY"):
            if not take.words("ROLLUP") and not take.words("CUBE"):
                self._list(self.operand)
            else:
                self._in_parentheses(self.operand)
            if take.words("HAVING"):
                self.condition()
        self.ordered()
        take.words("ALL", "ROWS")

    def narrowed(self) -> None:
        """WHERE and WITH."""
        take = self._cursor
        if take.words("WHERE"):
            self.condition()
        while take.words("WITH"):
            self.after_with()

    def after_with(self) -> None:
        if self._cursor.words("DATA", "CATEGORY"):
            self._categories()
        elif not self._cursor.one_of("SECURITY_ENFORCED", "USER_MODE"):
            self.condition()

    def ordered(self) -> None:
        """ORDER BY, LIMIT and OFFSET."""
        take = self._cursor
        if take.words("ORDER", "BY"):
            self._list(self._sorted_by)
        if take.words("LIMIT"):
            self._number()
        if take.words("OFFSET"):
            self._number()

    def name(self) -> None:
        take = self._cursor
        if not take.kind("word"):
            raise NotRead(f"a name is expected, not {take.place}")
        while take.words("."):
            if not take.kind("word"):
                raise NotRead(f"a name is expected after a dot, not {take.place}")

    def operand(self) -> None:
        """A field, a function of operands, or a literal."""
        take = self._cursor
        if take.kind("string", "number", "moment"):
            return
        self.name()
        if take.words("(") and not take.words(")"):
            self._deeper(lambda: self._list(self.operand))
            take.need(")")

    def condition(self) -> None:
        self._unary()
        while self._cursor.one_of("AND", "OR"):
            self._unary()

    def _unary(self) -> None:
        take = self._cursor
        while take.words("NOT"):
            pass
        if take.words("("):
            self._deeper(self.condition)
            take.need(")")
            return
        self.operand()
        if take.one_of("=", "!=", "<>", "<", "<=", ">", ">=", "LIKE"):
            self._value()
        elif take.words("NOT", "IN") or take.one_of("IN", "INCLUDES", "EXCLUDES"):
            take.need("(")
            self._deeper(self._set)
            take.need(")")
        else:
            raise NotRead(f"a comparison is expected, not {take.place}")

    def _set(self) -> None:
        if self._cursor.next is not None and self._cursor.next.text == "SELECT":
            self.query()
        else:
            self._list(self._value)

    def _value(self) -> None:
        """A literal, a field, or a date literal such as LAST_N_DAYS:7."""
        self.operand()
        if self._cursor.words(":"):
            self._number()

    def _selected(self) -> None:
        take = self._cursor
        if take.words("("):
            self._deeper(self.query)
            take.need(")")
        elif take.words("TYPEOF"):
            self._typeof()
        else:
            self.operand()
            self._alias()

    def _typeof(self) -> None:
        take = self._cursor
        self.name()
        while take.words("WHEN"):
            self.name()
            take.need("THEN")
            self._list(self.operand)
        if take.words("ELSE"):
            self._list(self.operand)
        take.need("END")

    def _source(self) -> None:
        self.name()
        self._cursor.words("AS")
        self._alias()

    def _alias(self) -> None:
        token = self._cursor.next
        if token is not None and token.kind == "word" and token.text not in _CLAUSES:
            self._cursor.kind("word")

    def _sorted_by(self) -> None:
        take = self._cursor
        self.operand()
        take.one_of("ASC", "DESC")
        if take.words("NULLS") and not take.one_of("FIRST", "LAST"):
            raise NotRead(f"FIRST or LAST is expected after NULLS, not {take.place}")

    def _categories(self) -> None:
        take = self._cursor
        while True:
            self.name()
            if not take.one_of("AT", "ABOVE", "BELOW", "ABOVE_OR_BELOW"):
                raise NotRead(f"AT, ABOVE, BELOW or ABOVE_OR_BELOW is expected, not {take.place}")
            if take.words("("):
                self._list(self.name)
                take.need(")")
            else:
                self.name()
            if not take.words("AND"):
                return

    def _number(self) -> None:
        if not self._cursor.kind("number"):
            raise NotRead(f"a number is expected, not {self._cursor.place}")

    def _in_parentheses(self, each: _Part) -> None:
        self._cursor.need("(")
        self._list(each)
        self._cursor.need(")")

    def _list(self, each: _Part) -> None:
        each()
        while self._cursor.words(","):
            each()

    def _deeper(self, part: _Part) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotRead(f"it is nested more than {DEEPEST} levels deep")
        part()
        self._depth -= 1
