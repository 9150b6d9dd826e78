"""What a JSON Schema says is wrong, at the place where it is wrong."""

from typing import Any

import jsonschema_rs

from .lines import Path


def first_problem(validator: jsonschema_rs.Draft202012Validator, data: Any) -> tuple[Path, str] | None:
    """Place and rule of the first problem; None when there is none.

    Of alternatives that all fail, the one that gets furthest is told: it is what was meant.
    """
    for problem in validator.iter_errors(data):
        deepest = _deepest(problem)
        return tuple(deepest.instance_path), str(deepest.message)
    return None


def _deepest(problem: Any) -> Any:
    branches = getattr(problem.kind, "context", None) or ()
    found = [_deepest(inner) for branch in branches for inner in branch]
    # Beside "is not of type null", what is said of an object is what was meant.
    found.sort(key=lambda each: (len(each.instance_path), each.kind.name != "type"))
    return found[-1] if found else problem
