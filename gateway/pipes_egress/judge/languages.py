"""The languages that can be judged, by the name a tool definition gives them."""

from collections.abc import Callable, Mapping

from . import jql, soql, sosl
from .verdict import Verdict

IN_PLACE: Mapping[str, Callable[[str], Verdict]] = {"jql": jql.judge, "soql": soql.judge, "sosl": sosl.judge}
"""Linear in a short text: not worth a process."""

IN_WORKER = frozenset({"graphql", "sql"})
"""Their parsers are large and not ours, so they run in processes that can be killed (`worker.py`)."""
