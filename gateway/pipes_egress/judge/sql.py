"""SQL of Snowflake: is this text one statement that provably only reads?

Three readings must agree: the lexical one (`lexical.py`), the words before
parentheses against the list of reading functions (`functions.py`), and the
syntax tree against a list of node kinds. A kind, a function or a statement
that is not listed is not a read. The rules answer to how the pinned sqlglot
misreads Snowflake; the table of statements in the tests is run on every
upgrade.
"""

import logging
import re

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from . import lexical
from .functions import AFTER_BY, AFTER_FROM, INFORMATION_SCHEMA, POSTFIX, READING, RESERVED, TYPES
from .verdict import READ, Verdict, refused, write

LONGEST = 100_000

_VERBS = frozenset(
    {
        *("ALTER", "CALL", "COMMENT", "COMMIT", "COPY", "CREATE", "DELETE", "DESC", "DESCRIBE", "DROP", "EXECUTE"),
        *("EXPLAIN", "GET", "GRANT", "INSERT", "LIST", "LS", "MERGE", "PUT", "REMOVE", "REVOKE", "RM", "ROLLBACK"),
        *("SELECT", "SET", "SHOW", "TRUNCATE", "UNDROP", "UNSET", "UPDATE", "USE", "WITH"),
    }
)
"""First words of Snowflake's statements. What begins otherwise is not guessed to be anything."""

_ROOTS = (exp.Select, exp.SetOperation, exp.Subquery, exp.Show, exp.Describe, exp.ListStage)

_KINDS = frozenset(
    getattr(exp, name)
    for name in (
        *("Add", "Alias", "Aliases", "All", "Any", "AtTimeZone", "Between", "BitwiseAnd", "BitwiseLeftShift"),
        *("BitwiseNot", "BitwiseOr", "BitwiseRightShift", "BitwiseXor", "Boolean", "Bracket", "CTE", "Changes"),
        *("Column", "Connect", "Cube", "DPipe", "DataType", "DataTypeParam", "Describe", "DirectoryStage", "Distinct"),
        *("Div", "Dot", "EQ", "Escape", "Except", "Fetch", "Filter", "From", "GT", "GTE", "Group", "GroupingSets"),
        *("Having", "HavingMax", "HexString", "HistoricalData", "ILike", "Identifier", "IgnoreNulls", "In", "IntDiv"),
        *("Intersect", "Interval", "IntervalSpan", "Is", "JSONExtractQuote", "JSONKeyValue", "JSONPath"),
        *("JSONPathFilter", "JSONPathKey", "JSONPathRecursive", "JSONPathRoot", "JSONPathSlice"),
        *("JSONPathSubscript", "JSONPathUnion", "JSONPathWildcard", "Join", "Kwarg", "LT", "LTE", "Lambda"),
        *("Lateral", "Like", "Limit", "LimitOptions", "ListStage", "Literal", "MatchRecognize"),
        *("MatchRecognizeMeasure", "Mod", "Mul", "NEQ", "Neg", "Not", "Null", "NullSafeEQ", "NullSafeNEQ", "Offset"),
        *("Order", "Ordered", "Parameter", "Paren", "Pivot", "PivotAlias", "PivotAny", "Prior", "PropertyEQ"),
        *("Qualify", "RawString", "RespectNulls", "Rollup", "Select", "SemanticView", "Semicolon", "Show"),
        *("SimilarTo", "Slice", "Star", "Sub", "Subquery", "Table", "TableAlias", "TableFromRows", "TableSample"),
        *("Tuple", "Union", "UnpivotColumns", "Values", "Var", "Where", "Window", "WindowSpec", "With"),
        *("WithinGroup",),
    )
)
"""Kinds of nodes a read may be made of, beside calls of reading functions."""

_SHOWN = re.compile(
    r"SHOW\s+(TERSE\s+)?(TABLES|SCHEMAS|DATABASES|VIEWS|COLUMNS|OBJECTS|WAREHOUSES|ROLES|GRANTS|USERS|PARAMETERS|STAGES"
    r"|PIPES|STREAMS|TASKS|SEQUENCES|SHARES|REGIONS|PROCEDURES|FUNCTIONS|USER\s+FUNCTIONS|USER\s+PROCEDURES"
    r"|EXTERNAL\s+TABLES|EXTERNAL\s+FUNCTIONS|DYNAMIC\s+TABLES|MATERIALIZED\s+VIEWS|SEMANTIC\s+VIEWS|EVENT\s+TABLES"
    r"|FILE\s+FORMATS|PRIMARY\s+KEYS|IMPORTED\s+KEYS|UNIQUE\s+KEYS|TAGS|LOCKS|TRANSACTIONS|VARIABLES|DATABASE\s+ROLES"
    r"|INTEGRATIONS|NETWORK\s+POLICIES|MASKING\s+POLICIES|ROW\s+ACCESS\s+POLICIES|RESOURCE\s+MONITORS"
    r"|CORTEX\s+SEARCH\s+SERVICES|MCP\s+SERVERS)\b",
    re.IGNORECASE,
)
_EXPLAIN = re.compile(r"\s*(?:USING\s+(?:TEXT|JSON|TABULAR)\s+)?(?=SELECT\b|WITH\b|\()", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
_FIRST_WORD = re.compile(r"[\s(]*([A-Za-z]+)")


# sqlglot warns with the statement itself, and statements are not for logs.
logging.getLogger("sqlglot").disabled = True

_SNOWFLAKE = Dialect.get_or_raise("snowflake")


def judge(text: str, dialect: str = "snowflake") -> Verdict:
    """Whether the text is one statement, and whether it provably only reads."""
    if dialect != "snowflake":
        return refused(f"statements of {dialect or 'no dialect'} cannot be judged")
    if len(text) > LONGEST:
        return refused(f"it is longer than {LONGEST} characters")
    try:
        reading = lexical.read(text)
    except lexical.Ambiguous as error:
        return refused(str(error))
    if len(reading.statements) != 1:
        return refused("there is no statement in it" if not reading.statements else "it is more than one statement")
    if not reading.balanced:
        return refused("its parentheses do not match")
    first = _FIRST_WORD.match(reading.code)
    verb = first[1].upper() if first is not None else ""
    if verb not in _VERBS:
        return refused(f"{verb or 'this'} does not begin a statement of Snowflake")
    return _judge_one(text)


def _judge_one(text: str) -> Verdict:
    try:
        tokens = _SNOWFLAKE.tokenize(text)
        trees = _SNOWFLAKE.parser().parse(tokens, text)
    except TokenError:
        return refused("it cannot be read as SQL")
    except ParseError:
        return write("it cannot be parsed, so it is not proven to be a read")
    except RecursionError:
        return refused("it is nested too deeply")
    roots = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
    if len(roots) != 1:
        return refused("it is more than one statement")
    root = roots[0]
    if isinstance(root, exp.Command):
        return _command(root, text)
    if not isinstance(root, _ROOTS):
        return write(f"{root.key.upper()} is not a read")
    return write(why) if (why := _acting_node(root) or _acting_call(tokens, root)) else READ


def _command(root: exp.Command, text: str) -> Verdict:
    """Statements that sqlglot keeps as text: SHOW of most objects, and EXPLAIN of what must be a read itself."""
    verb = str(root.this).upper()
    if verb == "SHOW" and _SHOWN.match(text.lstrip()) and "(" not in text:
        return READ
    if verb == "EXPLAIN":
        rest = str(root.expression.this if isinstance(root.expression, exp.Literal) else root.expression or "")
        match = _EXPLAIN.match(rest)
        if match is not None:
            return judge(rest[match.end() :])
    return write(f"{verb} is not a read")


def _acting_node(root: exp.Expression) -> str:
    """Why the tree is not that of a read; empty when it is."""
    for node in root.walk():
        if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.CombinedAggFunc):
            name = str(node.this).upper() if isinstance(node.this, str) else ""
            if name not in READING and name not in INFORMATION_SCHEMA:
                return f"the function {_short(node.name)} is not known to only read"
        elif isinstance(node, exp.DynamicIdentifier):
            if node.expressions or not isinstance(node.parent, exp.Table | exp.From):
                return "IDENTIFIER(…) is used for something else than a table"
        elif isinstance(node, exp.Func):
            if type(node).__name__ in _ACTING_FUNCTIONS:
                return f"the function {_short(node.sql_name())} is not known to only read"
        elif type(node) not in _KINDS:
            return f"{node.key.upper()} is not a read"
    return ""


_ACTING_FUNCTIONS = frozenset(
    {
        *("AIAgg", "AIClassify", "AIEmbed", "AIForecast", "AIGenerate", "AISimilarity", "AISummarizeAgg"),
        *("FeaturesAtTime", "GenerateBool", "GenerateDouble", "GenerateEmbedding", "GenerateInt", "GenerateTable"),
        *("GenerateText", "MLForecast", "MLTranslate", "NetFunc", "NextValueFor", "Predict", "ReadCSV", "ReadParquet"),
        *("Secret", "ToFile", "VectorSearch"),
    }
)
"""sqlglot's function nodes that are no computation. Calls as they are written are checked by name as well."""


def _acting_call(tokens: list[Token], root: exp.Expression) -> str:
    """Why a call, as it is written, is not one that reads; empty when all do."""
    declared = {alias.name.upper() for alias in root.find_all(exp.TableAlias) if alias.columns}
    for index, token in enumerate(tokens):
        if token.text.upper() == "NEXTVAL" and token.token_type is not TokenType.STRING:
            return "NEXTVAL takes a value from a sequence"
        if token.token_type is not TokenType.L_PAREN or index == 0:
            continue
        before = tokens[index - 1]
        if before.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET):
            return "it calls what an expression names"
        if before.token_type is TokenType.IDENTIFIER:
            if before.text.upper() not in declared:
                return f'the function "{_short(before.text)}" is not known to only read'
        elif _WORD.match(before.text) and before.token_type is not TokenType.STRING:
            why = _acting_word(tokens, index - 1, declared)
            if why:
                return why
    return ""


def _acting_word(tokens: list[Token], index: int, declared: set[str]) -> str:
    name = tokens[index].text.upper()
    previous = tokens[index - 1] if index else None
    if previous is not None and previous.token_type is TokenType.DOT:
        schema = tokens[index - 2].text.upper() if index > 1 else ""
        if schema == "INFORMATION_SCHEMA" and name in INFORMATION_SCHEMA:
            return ""
        return f"the function {_short(tokens[index - 2].text)}.{_short(tokens[index].text)} is not known to only read"
    if name in READING or name in RESERVED or name in declared or _is_syntax(name, previous):
        return ""
    if name == "IDENTIFIER" and [each.token_type for each in tokens[index + 2 : index + 4]] == [
        TokenType.STRING,
        TokenType.R_PAREN,
    ]:
        return ""
    return f"the function {_short(tokens[index].text)} is not known to only read"


_OPERAND_ENDS = frozenset(
    {TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.STAR}
    | {TokenType.NUMBER, TokenType.STRING}
)


def _is_syntax(name: str, previous: Token | None) -> bool:
    """Whether a word that is not reserved is no call where it stands."""
    if previous is None:
        return False
    word = previous.text.upper()
    return (
        (name in POSTFIX and (previous.token_type in _OPERAND_ENDS or word == "NULLS"))
        or (name in AFTER_FROM and word in ("FROM", "JOIN"))
        or (name in AFTER_BY and word.endswith("BY"))
        or (name in TYPES and (word in ("::", "AS")))
    )


def _short(name: str) -> str:
    return name if len(name) <= 64 else name[:63] + "…"
