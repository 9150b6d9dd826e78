"""The functions a statement may call and still be a read."""

from importlib.resources import files

_LINES = files(__package__).joinpath("functions.txt").read_text().splitlines()

READING = frozenset(name for line in _LINES if not line.startswith("#") for name in line.split())
"""Snowflake's own that only read or compute (`functions.txt`)."""

INFORMATION_SCHEMA = frozenset(
    {
        *("AUTOMATIC_CLUSTERING_HISTORY", "COMPLETE_TASK_GRAPHS", "COPY_HISTORY", "CURRENT_TASK_GRAPHS"),
        *("DATA_TRANSFER_HISTORY", "DATABASE_REFRESH_HISTORY", "DATABASE_REFRESH_PROGRESS"),
        *("DATABASE_STORAGE_USAGE_HISTORY", "DYNAMIC_TABLE_GRAPH_HISTORY", "DYNAMIC_TABLE_REFRESH_HISTORY"),
        *("LOGIN_HISTORY", "LOGIN_HISTORY_BY_USER", "MATERIALIZED_VIEW_REFRESH_HISTORY", "METERING_HISTORY"),
        *("PIPE_USAGE_HISTORY", "POLICY_REFERENCES", "QUERY_HISTORY", "QUERY_HISTORY_BY_SESSION"),
        *("QUERY_HISTORY_BY_USER", "QUERY_HISTORY_BY_WAREHOUSE", "REPLICATION_USAGE_HISTORY"),
        *("SEARCH_OPTIMIZATION_HISTORY", "SERVERLESS_TASK_HISTORY", "STAGE_STORAGE_USAGE_HISTORY"),
        *("TABLE_STORAGE_USAGE_HISTORY", "TAG_REFERENCES", "TAG_REFERENCES_ALL_COLUMNS", "TASK_DEPENDENTS"),
        *("TASK_HISTORY", "WAREHOUSE_LOAD_HISTORY", "WAREHOUSE_METERING_HISTORY"),
    }
)
"""Table functions of INFORMATION_SCHEMA, the only qualified calls that are known to read."""

RESERVED = frozenset(
    {
        *("ALL", "AND", "ANY", "AS", "BETWEEN", "BY", "CASE", "DISTINCT", "ELSE", "EXISTS", "FROM", "GROUP", "HAVING"),
        *(
            "IN",
            "JOIN",
            "LATERAL",
            "NOT",
            "NULL",
            "ON",
            "OR",
            "QUALIFY",
            "SELECT",
            "SETS",
            "SOME",
            "TABLE",
            "THEN",
            "VALUES",
        ),
        *("WHEN", "WHERE"),
    }
)
"""Reserved words: they may stand before a parenthesis, and no function can have such a name."""

POSTFIX = frozenset(
    {
        *("AT", "BEFORE", "CHANGES", "END", "EXCEPT", "EXCLUDE", "INTERSECT", "MATCH_CONDITION", "MATCH_RECOGNIZE"),
        *("MINUS", "OVER", "PIVOT", "RENAME", "REPEATABLE", "SAMPLE", "SEED", "TABLESAMPLE", "UNION", "UNPIVOT"),
        *("USING",),
    }
)
"""Words that stand before a parenthesis and after an operand. Anywhere else they would be a call."""

_SAMPLED = frozenset({"SAMPLE", "TABLESAMPLE"})
_SOURCE = frozenset({"FROM", "JOIN"})
_GROUPED = frozenset({"BY", "GROUP BY", ","})

AFTER = {
    **dict.fromkeys(("BERNOULLI", "BLOCK", "ROW", "SYSTEM"), _SAMPLED),
    **dict.fromkeys(("DIRECTORY", "SEMANTIC_VIEW"), _SOURCE),
    **dict.fromkeys(("CUBE", "ROLLUP"), _GROUPED),
    "NULLS": frozenset({"INCLUDE", "EXCLUDE"}),
}
"""Words that stand before a parenthesis, with those they must follow. Anywhere else they would be a call."""

TYPES = frozenset(
    {
        *("ARRAY", "BINARY", "CHARACTER", "DATETIME", "DECIMAL", "MAP", "NCHAR", "NUMBER", "NUMERIC", "NVARCHAR"),
        *("NVARCHAR2", "OBJECT", "STRING", "TEXT", "TIMESTAMP", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "TIMESTAMP_TZ"),
        *("VARBINARY", "VARCHAR", "VECTOR"),
    }
)
"""Types with parameters, after `::` or `AS`."""

MATCHING = frozenset({"CLASSIFIER", "FIRST", "LAST", "MATCH_NUMBER", "MATCH_SEQUENCE_NUMBER", "NEXT", "PREV"})
"""Functions that exist in MATCH_RECOGNIZE only. Elsewhere a function of such a name is the user's own."""
