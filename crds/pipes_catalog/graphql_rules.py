"""Rules for a fixed GraphQL document: it does what its tool says, whichever operation a server would choose."""

from collections.abc import Iterator
from typing import Any

from .definition import ToolAccess
from .exchange import Graphql

LONGEST = 20_000
MOST_TOKENS = 4_000


def graphql_rules(graphql: Graphql, access: ToolAccess) -> Iterator[str]:
    """Each rule that the document breaks, in a sentence.

    There must be one operation, a query if the tool only reads, never a subscription, whose answer would not end; no
    `@defer` or `@stream`, which would make the answer a multipart one; and the variables must be those declared.
    """
    # A gateway executes definitions that were checked elsewhere: only who checks one pays for the parser.
    import graphql as language

    if len(graphql.document) > LONGEST:
        yield f"the document must be at most {LONGEST} characters long"
        return
    try:
        document = language.parse(graphql.document, no_location=True, max_tokens=MOST_TOKENS)
    except language.GraphQLError as error:
        yield f"the document cannot be parsed: {error.message}"
        return
    operations = [each for each in document.definitions if isinstance(each, language.OperationDefinitionNode)]
    fragments = [each for each in document.definitions if isinstance(each, language.FragmentDefinitionNode)]
    if len(operations) != 1 or len(operations) + len(fragments) != len(document.definitions):
        yield "the document must have one operation, and nothing else but fragments"
        return
    (operation,) = operations
    if operation.operation is language.OperationType.SUBSCRIPTION:
        yield "the document must not be a subscription"
    if operation.operation is not language.OperationType.QUERY and access is not ToolAccess.WRITE:
        yield "the document of a tool that reads must be a query"
    name = operation.name.value if operation.name is not None else ""
    if graphql.operation and graphql.operation != name:
        yield f"operation must be the name of the document's operation, {name!r}"
    yield from _nodes(language, document, access)
    yield from _variables(language, operation, graphql)


def _nodes(language: Any, document: Any, access: ToolAccess) -> Iterator[str]:
    found: list[str] = []

    class Visitor(language.Visitor):  # type: ignore[misc]
        def enter_directive(self, node: Any, *_: Any) -> None:
            if node.name.value in ("defer", "stream"):
                found.append(f"the document must not use @{node.name.value}")

        def enter_named_type(self, node: Any, _: Any, parent: Any, *__: Any) -> None:
            # A root type under another operation is no valid document; a server that takes it would act on it.
            conditional = isinstance(parent, language.InlineFragmentNode | language.FragmentDefinitionNode)
            if conditional and node.name.value in ("Mutation", "Subscription") and access is not ToolAccess.WRITE:
                found.append(f"a document that reads must have no fragment on {node.name.value}")

    language.visit(document, Visitor())
    yield from found


def _variables(language: Any, operation: Any, graphql: Graphql) -> Iterator[str]:
    declared = {each.variable.name.value: each for each in operation.variable_definitions or ()}
    for name in graphql.variables:
        if name not in declared:
            yield f"the variable {name!r} is not declared by the document"
    for name, each in declared.items():
        needed = isinstance(each.type, language.NonNullTypeNode) and each.default_value is None
        if needed and name not in graphql.variables:
            yield f"the document needs the variable {name!r}"
