"""SQL of Snowflake: is this text one statement that provably only reads?

Three readings must agree: the lexical one (`lexical.py`), the words before
parentheses against the list of reading functions (`sql_calls.py`), and the
syntax tree against a list of node kinds (`sql_tree.py`). A kind, a function or
a statement that is not listed is not a read. The rules answer to how the pinned sqlglot
misreads Snowflake; the table of statements in the tests is run on every
upgrade.
"""

import logging
import re

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError

from . import lexical
from .sql_calls import acting_call
from .sql_tree import acting_node
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

_SHOWN = re.compile(
    r"SHOW\s+(TERSE\s+)?(TABLES|SCHEMAS|DATABASES|VIEWS|COLUMNS|OBJECTS|WAREHOUSES|ROLES|GRANTS|USERS|PARAMETERS|STAGES"
    r"|PIPES|STREAMS|TASKS|SEQUENCES|SHARES|REGIONS|PROCEDURES|FUNCTIONS|USER\s+FUNCTIONS|USER\s+PROCEDURES"
    r"|EXTERNAL\s+TABLES|EXTERNAL\s+FUNCTIONS|DYNAMIC\s+TABLES|MATERIALIZED\s+VIEWS|SEMANTIC\s+VIEWS|EVENT\s+TABLES"
    r"|FILE\s+FORMATS|PRIMARY\s+KEYS|IMPORTED\s+KEYS|UNIQUE\s+KEYS|TAGS|LOCKS|TRANSACTIONS|VARIABLES|DATABASE\s+ROLES"
    r"|INTEGRATIONS|NETWORK\s+POLICIES|MASKING\s+POLICIES|ROW\s+ACCESS\s+POLICIES|RESOURCE\s+MONITORS"
    r"|CORTEX\s+SEARCH\s+SERVICES|MCP\s+SERVERS)\b",
    re.IGNORECASE,
)
_DESCRIBED = re.compile(
    r"\s*DESC(RIBE)?\s+("
    r"(FUNCTION|PROCEDURE|USER|ALERT|DYNAMIC\s+TABLE|FILE\s+FORMAT|MASKING\s+POLICY|MCP\s+SERVER|NETWORK\s+POLICY|PIPE"
    r"|ROW\s+ACCESS\s+POLICY|SEMANTIC\s+VIEW|SEQUENCE|SHARE|STREAM|TASK)\s+[\w$.\"]+\s*(\([\w\s,]*\)\s*)?"
    r"|RESULT\s+(''|LAST_QUERY_ID\(\))\s*);?\s*\Z",
    re.IGNORECASE,
)
"""On the code alone, where quoted names and comments are blanked: what sqlglot cannot parse or takes for a schema."""
_EXPLAIN = re.compile(r"\s*(?:USING\s+(?:TEXT|JSON|TABULAR)\s+)?(?=SELECT\b|WITH\b|\()", re.IGNORECASE)
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
    if _DESCRIBED.match(reading.code):
        return READ
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
    except Exception:
        # The parser is large and not ours: whatever it trips over is nothing that it has understood.
        return write("it cannot be parsed, so it is not proven to be a read")
    roots = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
    if len(roots) != 1:
        return refused("it is more than one statement")
    root = roots[0]
    if isinstance(root, exp.Command):
        return _command(root, text)
    if not isinstance(root, _ROOTS):
        return write(f"{root.key.upper()} is not a read")
    return write(why) if (why := acting_node(root) or acting_call(tokens, root)) else READ


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
