"""GraphQL: does the document only read, whichever operation a server would choose?

The document is parsed (graphql-core), never searched: a word in a comment, a
string or an alias means nothing, and what stands before a keyword hides
nothing. There is no schema to validate against, so what only a schema could
refuse (a fragment on the mutation type in a query) is refused by its shape.

Source: GraphQL specification, September 2025, sections 2.3 to 2.12 and 6.1.
"""

from collections.abc import Sequence

from graphql import (
    DefinitionNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    parse,
)

from . import graphql_size
from .graphql_nodes import acting_directive, differently_read_string, root_condition, streaming_directive
from .verdict import READ, Verdict, refused, write

LONGEST = 50_000
MOST_TOKENS = 10_000


def judge(text: str, operation_name: str = "") -> Verdict:
    """Whether the document's one operation is a query and nothing in it could act.

    A document of several operations is never a read: servers differ on which
    they execute. It passes as a write if the name chooses exactly one of them.
    """
    if len(text) > LONGEST:
        return refused(f"it is longer than {LONGEST} characters")
    try:
        document = parse(text, no_location=True, max_tokens=MOST_TOKENS)
    except GraphQLError as error:
        return refused(f"it cannot be read as GraphQL: {_sentence(error)}")
    except RecursionError:
        return refused("it is nested too deeply")
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    why = (
        _foreign(document.definitions)
        or _unchosen(operations, operation_name)
        or streaming_directive(document)
        or graphql_size.excess(document)
    )
    if why:
        return refused(why)
    if len(operations) > 1:
        return write("it holds more than one operation; send a document with one")
    return _judge_one(operations[0], document)


def _judge_one(operation: OperationDefinitionNode, document: DocumentNode) -> Verdict:
    if operation.operation is OperationType.MUTATION:
        return write("it is a mutation")
    if why := root_condition(document) or differently_read_string(document):
        return refused(why)
    if name := acting_directive(document):
        return write(f"the directive @{name} is not known to only read")
    return READ


def _foreign(definitions: Sequence[DefinitionNode]) -> str:
    for each in definitions:
        if not isinstance(each, OperationDefinitionNode | FragmentDefinitionNode):
            return "it holds definitions of types; a request holds operations and fragments"
    fragments = [each.name.value for each in definitions if isinstance(each, FragmentDefinitionNode)]
    if len(set(fragments)) != len(fragments):
        return "it defines two fragments of one name"
    return ""


def _unchosen(operations: Sequence[OperationDefinitionNode], name: str) -> str:
    """Why it cannot be told which operation would be executed (section 6.1, GetOperation); empty when it can."""
    if not operations:
        return "there is no operation in it"
    if any(each.operation is OperationType.SUBSCRIPTION for each in operations):
        return "it holds a subscription, whose answer does not end"
    names = [each.name.value if each.name is not None else "" for each in operations]
    if len(set(names)) != len(names):
        return "it holds two operations of one name"
    if len(operations) > 1 and "" in names:
        return "it holds an operation without a name beside others"
    if name and name not in names:
        return "no operation has the name that is asked for"
    if len(operations) > 1 and not name:
        return "it holds more than one operation, and none is named; send a document with one"
    return ""


def _sentence(error: GraphQLError) -> str:
    # The parser quotes what it found: enough to mend a document, and bounded.
    return error.message if len(error.message) <= 120 else error.message[:119] + "…"
