"""How much a GraphQL document asks for once its fragments are spread: small documents can mean enormous ones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

DEEPEST = 40
"""Selection sets within each other, fragments spread. Tools that read a whole schema need 15."""
MOST_FIELDS = 5_000
MOST_ALIASES = 500


class _Excess(Exception):  # noqa: N818 - reads as what happened
    """It asks for too much, or for what is not there."""


@dataclass(frozen=True, slots=True)
class _Size:
    depth: int = 0
    fields: int = 0
    aliases: int = 0


def excess(document: DocumentNode) -> str:
    """Why the document asks for too much, in a sentence; empty when it does not."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    measure = _Measure(fragments)
    try:
        # A fragment that nothing spreads is measured as well: servers parse and validate it.
        for name in fragments:
            measure.fragment(name, 0)
        for each in document.definitions:
            if isinstance(each, OperationDefinitionNode):
                measure.selections(each.selection_set, 1)
    except _Excess as error:
        return str(error)
    return ""


class _Measure:
    """Sizes of selection sets; each fragment is measured once, however often it is spread."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, _Size] = {}
        self._open: set[str] = set()

    def fragment(self, name: str, level: int) -> _Size:
        if name not in self._fragments:
            raise _Excess("it spreads a fragment that it does not define")
        if name in self._open:
            raise _Excess("a fragment spreads itself")
        if name not in self._known:
            if level > DEEPEST:
                raise _Excess(f"its fragments spread each other more than {DEEPEST} levels deep")
            self._open.add(name)
            self._known[name] = self.selections(self._fragments[name].selection_set, level)
            self._open.discard(name)
        return self._known[name]

    def selections(self, selection_set: SelectionSetNode | None, level: int) -> _Size:
        """The size below here; `level` bounds the descent itself."""
        if selection_set is None:
            return _Size()
        if not selection_set.selections:
            raise _Excess("it selects nothing")
        if level > DEEPEST:
            raise _Excess(f"it is nested more than {DEEPEST} levels deep")
        return _sum(self._sizes(selection_set.selections, level))

    def _sizes(self, selections: Sequence[SelectionNode], level: int) -> Iterator[_Size]:
        for each in selections:
            if isinstance(each, FragmentSpreadNode):
                yield self.fragment(each.name.value, level + 1)
            elif isinstance(each, FieldNode):
                below = self.selections(each.selection_set, level + 1)
                alias = each.alias is not None
                yield _Size(below.depth, below.fields + 1, below.aliases + alias)
            else:
                yield self.selections(getattr(each, "selection_set", None), level + 1)


def _sum(parts: Iterator[_Size]) -> _Size:
    depth = fields = aliases = 0
    for part in parts:
        depth, fields, aliases = max(depth, part.depth), fields + part.fields, aliases + part.aliases
        if fields > MOST_FIELDS:
            raise _Excess(f"it selects more than {MOST_FIELDS} fields")
        if aliases > MOST_ALIASES:
            raise _Excess(f"it has more than {MOST_ALIASES} aliases")
    if depth + 1 > DEEPEST:
        raise _Excess(f"it is nested more than {DEEPEST} levels deep")
    return _Size(depth + 1, fields, aliases)
