"""What must not stand in a GraphQL document, wherever it stands."""

from typing import Any, TypeVar

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    InlineFragmentNode,
    Node,
    StringValueNode,
    Visitor,
    visit,
)

NodeT = TypeVar("NodeT", bound=Node)

_STREAMING = frozenset({"defer", "live", "stream"})
"""They make one answer several."""

_READING = frozenset({"include", "skip", "optional"})
"""`optional`: leave the field out where the caller may not see it."""

_ROOTS = frozenset(
    f"{prefix}{root}{suffix}".lower()
    for prefix in ("", "Root")
    for root in ("Mutation", "Subscription")
    for suffix in ("", "Root", "_root", "Type", "RootType")
)
"""Usual names of the types that act. Which are meant tells only the schema, and a query has no use for any of them."""


def streaming_directive(document: DocumentNode) -> str:
    """Why the answer would not be one answer; empty when it is."""
    for each in _all(document, DirectiveNode):
        if each.name.value in _STREAMING:
            return f"@{each.name.value} makes several answers of one; leave it out"
    return ""


def acting_directive(document: DocumentNode) -> str:
    """The first directive that is not known to only read."""
    return next((name for each in _all(document, DirectiveNode) if (name := each.name.value) not in _READING), "")


def root_condition(document: DocumentNode) -> str:
    """Why a fragment does not belong in a query; empty when all do."""
    conditions = [each.type_condition for each in _all(document, InlineFragmentNode)]
    conditions += [each.type_condition for each in _all(document, FragmentDefinitionNode)]
    for condition in conditions:
        if condition is not None and condition.name.value.lower() in _ROOTS:
            return f"a query has no fragment on {condition.name.value}"
    return ""


def differently_read_string(document: DocumentNode) -> str:
    """Why a string ends elsewhere for readers that do not know block strings (those before June 2018)."""
    for each in _all(document, StringValueNode):
        if each.block and '"' in each.value:
            return "it holds a block string with a quote in it; pass the text as a variable"
    return ""


def _all(document: DocumentNode, kind: type[NodeT]) -> list[NodeT]:
    found: list[NodeT] = []

    class Finder(Visitor):
        def enter(self, node: Node, *_: Any) -> None:
            if isinstance(node, kind):
                found.append(node)

    visit(document, Finder())
    return found
