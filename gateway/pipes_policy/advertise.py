"""The tool list, from the same checks that judge a call."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pipes_api.messages import BindingView
from pipes_catalog.definition import ToolDefinition

from .call import Call, Denial
from .chain import decide


@dataclass(frozen=True, slots=True)
class Advertised:
    """A tool in the list; `denial` is what a call would get now, None when it may pass."""

    name: str
    definition: ToolDefinition
    binding: BindingView
    denial: Denial | None


def advertised(
    bindings: Iterable[BindingView],
    definition_of: Callable[[str], ToolDefinition | None],
    call_of: Callable[[BindingView, str], Call],
) -> list[Advertised]:
    """Every tool the agent may ask for, in the order of its name, each judged by `decide`."""
    tools = []
    for binding in bindings:
        for name, digest in binding.tools.items():
            definition = definition_of(digest)
            if definition is not None:
                tools.append(Advertised(name, definition, binding, decide(call_of(binding, name))))
    return sorted(tools, key=lambda tool: tool.name)
