"""Two ways to refuse: Jira's `{errorMessages, errors}`, and `{code, message}` of Atlassian's gateway before it."""

from __future__ import annotations

from pipes_sandbox.call import RefusalError


def refused(status: int, message: str) -> RefusalError:
    return RefusalError(status, {"errorMessages": [message], "errors": {}})


def invalid(**fields: str) -> RefusalError:
    """What is wrong with each field."""
    return RefusalError(400, {"errorMessages": [], "errors": fields})


def no_issue() -> RefusalError:
    return refused(404, "Issue does not exist or you do not have permission to see it.")


def no_project(key: str) -> RefusalError:
    return refused(404, f"No project could be found with key '{key}'.")


def at_gateway(status: int, message: str) -> RefusalError:
    return RefusalError(status, {"code": status, "message": message})
