"""Arguments held to the tool's input schema, before anything else is done with them."""

from collections import OrderedDict
from typing import Any

import jsonschema_rs

from pipes_catalog.definition import ToolDefinition
from pipes_catalog.holding import InputSchema

from .problems import ArgumentRefused

REMEMBERED = 512
LONGEST = 300


class Arguments:
    """Compiled schemas by definition hash."""

    def __init__(self) -> None:
        self._schemas: OrderedDict[str, InputSchema] = OrderedDict()

    def checked(self, definition: ToolDefinition, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with the schema's defaults for those that are absent.

        Raises:
            ArgumentRefused: naming the argument and what is wrong with it.
        """
        problem = self._schema(definition).problem(arguments)
        if problem is not None:
            message = f"{problem.place}: {problem.message}" if problem.place else problem.message
            raise ArgumentRefused(message if len(message) <= LONGEST else message[: LONGEST - 1] + "…")
        properties = definition.input_schema.get("properties") or {}
        # A property's schema may also be true or false.
        described = {name: each for name, each in properties.items() if isinstance(each, dict)}
        defaults = {name: each["default"] for name, each in described.items() if "default" in each}
        return {**defaults, **arguments}

    def _schema(self, definition: ToolDefinition) -> InputSchema:
        known = self._schemas.get(definition.hash)
        if known is None:
            try:
                known = InputSchema(definition.input_schema)
            except (jsonschema_rs.ValidationError, ValueError):
                # Read by an operator that did not know better.
                raise ArgumentRefused("this tool's input schema cannot be held against arguments") from None
            self._schemas[definition.hash] = known
            if len(self._schemas) > REMEMBERED:
                self._schemas.popitem(last=False)
        return known
