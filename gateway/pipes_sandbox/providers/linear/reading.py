"""What queries answer: single entities, and connections as Relay has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import errors
from .filters import holds
from .workspace import Record, View

PAGE = 50
LARGEST_PAGE = 250

_LISTS = {
    "issues": "Issue",
    "teams": "Team",
    "users": "User",
    "projects": "Project",
    "workflowStates": "WorkflowState",
    "issueLabels": "IssueLabel",
}
_SINGLE = {"issue": "Issue", "team": "Team", "user": "User", "workflowState": "WorkflowState", "comment": "Comment"}


def query(view: View, name: str, arguments: dict[str, Any]) -> Any:
    """A field of `Query`. Raises GraphQLError."""
    if name == "viewer":
        return view.me
    if name in _SINGLE:
        return entity(view, _SINGLE[name], arguments.get("id") or "")
    if name == "searchIssues":
        return _search(view, arguments)
    found = [each for each in view.all(_LISTS[name]) if holds(view, each, arguments.get("filter"))]
    order = arguments.get("orderBy") or "createdAt"
    # Newest first; what was made at the same moment stays in its order.
    return connection(sorted(found, key=lambda each: str(each.get(order)), reverse=True), arguments)


def entity(view: View, kind: str, key: str) -> Record:
    found = view.find(kind, key)
    if found is None:
        raise errors.not_found(kind)
    return found


def connection(records: Sequence[Record], arguments: dict[str, Any]) -> dict[str, Any]:
    """The page after the cursor, which is the id of the last record of the page before."""
    size = arguments.get("first") or PAGE
    if not 1 <= size <= LARGEST_PAGE:
        raise errors.invalid(f"first must not be greater than {LARGEST_PAGE}")
    start, after = 0, arguments.get("after")
    if after:
        places = [place for place, each in enumerate(records) if each.id == after]
        if not places:
            raise errors.invalid("after is not a cursor of this list")
        start = places[0] + 1
    page = list(records[start : start + size])
    return {
        "nodes": page,
        "pageInfo": {
            "startCursor": page[0].id if page else None,
            "endCursor": page[-1].id if page else None,
            "hasPreviousPage": start > 0,
            "hasNextPage": start + size < len(records),
        },
    }


def _search(view: View, arguments: dict[str, Any]) -> dict[str, Any]:
    words = arguments["term"].lower().split()
    first = arguments.get("teamId")
    found = []
    for issue in view.all("Issue"):
        texts = [issue.get("title"), issue.get("description") or ""]
        if arguments.get("includeComments"):
            texts += [each.get("body") for each in view.value(issue, "comments")]
        if all(word in "\n".join(texts).lower() for word in words) and holds(view, issue, arguments.get("filter")):
            found.append(issue)
    found.sort(key=lambda each: (each.get("teamId") == first, str(each.get("updatedAt"))), reverse=True)
    return {**connection(found, arguments), "totalCount": len(found), "archivePayload": {}}
