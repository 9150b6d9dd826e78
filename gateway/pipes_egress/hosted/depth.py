"""How deep JSON nests: what nests without end breaks whoever reads it next."""

from typing import Any


def nests_at_most(value: Any, levels: int) -> bool:
    """Whether no list or object lies below more than so many others. Level by level, so that depth costs no stack."""
    level = [value]
    for _ in range(levels + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False
