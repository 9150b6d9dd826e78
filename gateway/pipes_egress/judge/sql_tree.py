"""Does a syntax tree of Snowflake's hold nothing but what a read may be made of?"""

from sqlglot import exp

from .functions import INFORMATION_SCHEMA, MATCHING, READING
from .verdict import short

_KINDS = frozenset(
    getattr(exp, name)
    for name in (
        *("Add", "Alias", "All", "Any", "AtTimeZone", "Between", "BitwiseAnd", "BitwiseLeftShift"),
        *("BitwiseNot", "BitwiseOr", "BitwiseRightShift", "BitwiseXor", "Boolean", "Bracket", "CTE", "Changes"),
        *("Column", "Connect", "DPipe", "DataType", "DataTypeParam", "Describe", "DirectoryStage", "Distinct"),
        *("Div", "Dot", "EQ", "Escape", "Except", "Fetch", "Filter", "From", "GT", "GTE", "Group", "GroupingSets"),
        *("Having", "HavingMax", "HexString", "HistoricalData", "ILike", "Identifier", "IgnoreNulls", "In", "IntDiv"),
        *("Intersect", "Interval", "IntervalSpan", "Is", "JSONExtractQuote", "JSONKeyValue", "JSONPath"),
        *("JSONPathFilter", "JSONPathKey", "JSONPathRecursive", "JSONPathRoot", "JSONPathSlice"),
        *("JSONPathSubscript", "JSONPathUnion", "JSONPathWildcard", "Join", "Kwarg", "LT", "LTE", "Lambda"),
        *("Lateral", "Like", "Limit", "LimitOptions", "ListStage", "Literal", "MatchRecognize"),
        *("MatchRecognizeMeasure", "Mod", "Mul", "NEQ", "Neg", "Not", "Null", "NullSafeEQ", "NullSafeNEQ", "Offset"),
        *("Order", "Ordered", "Parameter", "Paren", "Pivot", "PivotAlias", "PivotAny", "Prior", "PropertyEQ"),
        *("Qualify", "RawString", "RespectNulls", "Select", "SemanticView", "Semicolon", "Show"),
        *("SimilarTo", "Slice", "Star", "Sub", "Subquery", "Table", "TableAlias", "TableFromRows", "TableSample"),
        *("Tuple", "Union", "UnpivotColumns", "Values", "Var", "Where", "Window", "WindowSpec", "With"),
        *("WithinGroup",),
    )
)
"""Kinds of nodes a read may be made of, beside calls of reading functions."""

_ACTING_FUNCTIONS = frozenset(
    {
        *("AIAgg", "AIClassify", "AIEmbed", "AIForecast", "AIGenerate", "AISimilarity", "AISummarizeAgg"),
        *("FeaturesAtTime", "GenerateBool", "GenerateDouble", "GenerateEmbedding", "GenerateInt", "GenerateTable"),
        *("GenerateText", "MLForecast", "MLTranslate", "NetFunc", "NextValueFor", "Predict", "ReadCSV", "ReadParquet"),
        *("Secret", "ToFile", "VectorSearch"),
    }
)
"""sqlglot's function nodes that are no computation. Calls as they are written are checked by name as well."""


def acting_node(root: exp.Expression) -> str:
    """Why the tree is not that of a read; empty when it is."""
    for node in root.walk():
        if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.CombinedAggFunc):
            name = str(node.this).upper() if isinstance(node.this, str) else ""
            known = name in READING or name in INFORMATION_SCHEMA
            if not known and not (name in MATCHING and node.find_ancestor(exp.MatchRecognize)):
                return f"the function {short(node.name)} is not known to only read"
        elif isinstance(node, exp.DynamicIdentifier):
            if node.expressions or not isinstance(node.parent, exp.Table | exp.From):
                return "IDENTIFIER(…) is used for something else than a table"
        elif isinstance(node, exp.Func):
            if type(node).__name__ in _ACTING_FUNCTIONS:
                return f"the function {short(node.sql_name())} is not known to only read"
        elif type(node) not in _KINDS and not _belongs(node):
            return f"{node.key.upper()} is not a read"
    return ""


def _belongs(node: exp.Expr) -> bool:
    """Kinds that read only below one other: groupings, members of a structured type, options of DESCRIBE."""
    match node:
        case exp.Cube() | exp.Rollup():
            return isinstance(node.parent, exp.Group)
        case exp.ColumnDef():
            return isinstance(node.parent, exp.DataType)
        case exp.Property():
            return isinstance(node.parent, exp.Describe)
    return False
